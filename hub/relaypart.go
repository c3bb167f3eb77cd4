package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kith"
	"kith/hub/relay"
	"kith/hubapi"
)

// Relay is the STUN and TURN server.
type Relay struct {
	On           bool         `toml:"on"`
	Listen       string       `toml:"listen"` // UDP and TCP
	Public       []netip.Addr `toml:"public"` // none: those by which this machine reaches out
	Secret       string       `toml:"secret"` // of short-lived credentials
	MinPort      uint16       `toml:"min_port"`
	MaxPort      uint16       `toml:"max_port"`
	Allocations  int          `toml:"allocations"`
	PerDevice    int          `toml:"allocations_per_device"`
	RatePerUser  Size         `toml:"bytes_per_second"` // of a device; 0: no bound
	AllowPrivate bool         `toml:"allow_private"`
}

func defaultRelay() Relay {
	return Relay{Listen: ":3478", MinPort: 49152, MaxPort: 65535, Allocations: 4096, PerDevice: 64}
}

// relayPart runs a relay.
type relayPart struct {
	cfg    Relay
	server *relay.Server // nil until it starts
}

// Name implements part.
func (p *relayPart) Name() string { return hubapi.PartRelay }

// Start implements part.
func (p *relayPart) Start(_ context.Context, at place) error {
	users, err := turnUsers(at.Dir)
	if err != nil {
		return err
	}
	cfg := relay.Config{
		Listen: p.cfg.Listen, Public: p.cfg.Public, Host: at.Host, Secret: p.cfg.Secret, Users: users,
		AllowPrivate: p.cfg.AllowPrivate, MinPort: p.cfg.MinPort, MaxPort: p.cfg.MaxPort,
		MaxAllocations: p.cfg.Allocations, PerUser: p.cfg.PerDevice, UserRate: int(p.cfg.RatePerUser),
	}
	if at.TLS {
		cfg.TLSPort = at.Port
	}
	p.server, err = relay.Start(cfg, at.Log)
	return err
}

// Handlers implements part.
func (p *relayPart) Handlers() map[string]http.Handler { return nil }

// Credentials implements relayer.
func (p *relayPart) Credentials(now time.Time, who string) hubapi.Relay {
	return p.server.Credentials(now, who)
}

// Split implements splitter.
func (p *relayPart) Split(l net.Listener) net.Listener { return p.server.Split(l) }

// Collector implements measured.
func (p *relayPart) Collector() prometheus.Collector { return p.server }

// Close implements part.
func (p *relayPart) Close() error {
	if p.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return p.server.Close(ctx)
}

// turnFile holds the keys of fixed users of the relay, by name.
const turnFile = "turn.json"

func turnUsers(dir string) (users map[string]string, err error) {
	data, err := os.ReadFile(filepath.Join(dir, turnFile))
	if errors.Is(err, os.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &users)
	}
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "read the relay's users: %w", err)
	}
	return users, nil
}

// AddTurnUser makes a fixed user of a hub's relay, or gives one another
// password, and returns that. It counts from the hub's next start.
func AddTurnUser(dir, user string) (password string, err error) {
	if user == "" || len(user) > 100 || strings.ContainsAny(user, ":\"\\ \t\r\n") {
		return "", kith.Errorf(kith.Invalid, "%q is not a name of a user: up to 100 letters, without spaces and colons", user)
	}
	if _, err := Load(dir); err != nil {
		return "", err
	}
	users, err := turnUsers(dir)
	if err != nil {
		return "", err
	}
	password = relay.NewPassword()
	users[user] = relay.UserKey(user, "", password)
	data, err := json.MarshalIndent(users, "", "\t")
	if err != nil {
		return "", kith.Errorf(kith.Internal, "keep the relay's users: %w", err)
	}
	path := filepath.Join(dir, turnFile)
	err = os.WriteFile(path+".new", data, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return "", kith.Errorf(kith.Internal, "keep the relay's users: %w", err)
	}
	return password, nil
}
