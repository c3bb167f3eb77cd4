package hub

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kith"
	"kith/hubapi"
)

// A part is what a hub runs beside its meeting point and its mailbox.
type part interface {
	// Name is one of those in hubapi.
	Name() string
	// Start begins to serve. It is called after the hub's own port is open, and
	// before anybody is let in; ctx ends with the call.
	Start(ctx context.Context, at place) error
	// Handlers are paths of the hub's web server that this part serves, as
	// patterns of http.ServeMux. There may be none.
	Handlers() map[string]http.Handler
	// Close ends it within a few seconds.
	Close() error
}

// A place is where a hub is.
type place struct {
	Dir    string       // its folder
	Public *net.TCPAddr // its own port
	Host   string       // by which devices reach it, without a port
	Port   int          // at which they do
	TLS    bool         // whether its port speaks TLS
	Log    *slog.Logger
	Client func(*http.Request) netip.Addr // where a request comes from
}

// A relayer is a part that gives credentials for a relay. who is an opaque name
// of the device.
type relayer interface {
	Credentials(now time.Time, who string) hubapi.Relay
}

// A splitter is a part that shares the hub's port, if that speaks TLS: it takes
// connections for itself out of a listener, and gives on all else.
type splitter interface {
	Split(net.Listener) net.Listener
}

// A measured part has metrics, once it runs.
type measured interface{ Collector() prometheus.Collector }

// Seedbox keeps ciphertext of files alive.
type Seedbox struct {
	On bool `toml:"on"`
}

// newParts makes the parts that are on.
func newParts(cfg *Config) ([]part, error) {
	var parts []part
	if cfg.Relay.On {
		parts = append(parts, &relayPart{cfg: cfg.Relay})
	}
	if cfg.Tracker.On {
		parts = append(parts, &trackerPart{cfg: cfg.Tracker})
	}
	if cfg.Seedbox.On {
		return nil, kith.Errorf(kith.Invalid, "seedbox.on: this version of the hub has no seedbox")
	}
	return parts, nil
}
