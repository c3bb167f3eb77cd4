package hub

import (
	"context"
	"io"
	"path/filepath"

	"kith/hub/cluster"
	"kith/hub/exchange"
	meetnats "kith/hub/exchange/nats"
	"kith/hub/mailbox"
	mailnats "kith/hub/mailbox/nats"
	"kith/hub/mailbox/sqlite"
	"kith/hub/moderation"
	rulesnats "kith/hub/moderation/nats"
)

// NATS is the cluster on which several hubs stand side by side.
type NATS struct {
	Servers     []string `toml:"servers"` // none: one hub on one machine
	Credentials string   `toml:"credentials"`
	Prefix      string   `toml:"prefix"`
	Replicas    int      `toml:"replicas"`
}

func (n NATS) cluster() cluster.Config {
	return cluster.Config{Servers: n.Servers, Credentials: n.Credentials, Prefix: n.Prefix, Replicas: n.Replicas}
}

// openRules opens the record of moderation, of this hub or of several.
func (h *Hub) openRules(ctx context.Context) (moderation.Log, error) {
	alone, err := moderation.Open(filepath.Join(h.dir, moderationFile), h.notices)
	if err != nil {
		return nil, err
	}
	if len(h.cfg.NATS.Servers) == 0 {
		return alone, nil
	}
	l, err := rulesnats.Open(ctx, h.cfg.NATS.cluster(), h.notices, alone, h.log)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// openStore opens the mailbox, on this machine or in the cluster.
func (h *Hub) openStore(ctx context.Context) (mailbox.Store, error) {
	limits := h.cfg.Mailbox.limits()
	if len(h.cfg.NATS.Servers) == 0 {
		s, err := sqlite.Open(filepath.Join(h.dir, mailboxFile), limits, h.log)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := mailnats.Open(ctx, h.cfg.NATS.cluster(), limits)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openExchange opens the meeting point, of this process or of several.
func (h *Hub) openExchange() (exchange.Exchange, error) {
	most := h.cfg.Meet.DevicesPerTag
	if len(h.cfg.NATS.Servers) == 0 {
		return exchange.NewLocal(most), nil
	}
	e, err := meetnats.Open(h.cfg.NATS.cluster(), most)
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
