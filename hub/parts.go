package hub

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

	// Limited keeps the limit of requests of an address.
	Limited func(http.HandlerFunc) http.HandlerFunc
	// Pace waits until the address of a request may be sent so many bytes more,
	// of which rate may go a second; 0: any.
	Pace func(r *http.Request, bytes, rate int64) error
	// Fail tells an error, or logs it if it is one of ours.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Blocked reports whether the moderator keeps a device out.
	Blocked func(hubapi.Key) bool
	// TellSpace sends a device what its keeper says now, if it is connected.
	TellSpace func(hubapi.Key)
}

// A relayer is a part that gives credentials for a relay. who is an opaque name
// of the device.
type relayer interface {
	Credentials(now time.Time, who string) hubapi.Relay
}

// A keeper is a part that keeps files for devices.
type keeper interface {
	// Space is what a device hears of it, with a new token.
	Space(now time.Time, device hubapi.Key) *hubapi.Space
	// Keeps is what it keeps for a device, in bytes.
	Keeps(device hubapi.Key) int64
}

// A splitter is a part that shares the hub's port, if that speaks TLS: it takes
// connections for itself out of a listener, and gives on all else.
type splitter interface {
	Split(net.Listener) net.Listener
}

// A measured part has metrics, once it runs.
type measured interface{ Collector() prometheus.Collector }

// newParts makes the parts that are on.
func newParts(cfg *Config) []part {
	var parts []part
	if cfg.Relay.On {
		parts = append(parts, &relayPart{cfg: cfg.Relay})
	}
	if cfg.Tracker.On {
		parts = append(parts, &trackerPart{cfg: cfg.Tracker})
	}
	if cfg.Seedbox.On {
		parts = append(parts, &seedboxPart{cfg: cfg.Seedbox})
	}
	return parts
}
