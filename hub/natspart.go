package hub

import (
	"context"
	"io"
	"path/filepath"

	"kith/hub/exchange"
	meetnats "kith/hub/exchange/nats"
	"kith/hub/mailbox"
	mailnats "kith/hub/mailbox/nats"
	"kith/hub/mailbox/sqlite"
)

// NATS is the cluster on which several hubs stand side by side.
type NATS struct {
	Servers     []string `toml:"servers"` // none: one hub on one machine
	Credentials string   `toml:"credentials"`
	Prefix      string   `toml:"prefix"`
	Replicas    int      `toml:"replicas"`
}

// openStore opens the mailbox, on this machine or in the cluster.
func (h *Hub) openStore(ctx context.Context) (mailbox.Store, error) {
	n, limits := h.cfg.NATS, h.cfg.Mailbox.limits()
	if len(n.Servers) == 0 {
		s, err := sqlite.Open(filepath.Join(h.dir, mailboxFile), limits, h.log)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := mailnats.Open(ctx, mailnats.Config{Servers: n.Servers, Credentials: n.Credentials, Prefix: n.Prefix, Replicas: n.Replicas}, limits)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openExchange opens the meeting point, of this process or of several.
func (h *Hub) openExchange() (exchange.Exchange, error) {
	n, most := h.cfg.NATS, h.cfg.Meet.DevicesPerTag
	if len(n.Servers) == 0 {
		return exchange.NewLocal(most), nil
	}
	e, err := meetnats.Open(meetnats.Config{Servers: n.Servers, Credentials: n.Credentials, Prefix: n.Prefix}, most)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// closeExchange leaves the other hubs, if there are any.
func (h *Hub) closeExchange() error {
	if c, ok := h.exchange.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
