package hub

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kith"
	"kith/hub/seedbox"
	"kith/hubapi"
)

// Seedbox keeps ciphertext of files alive.
type Seedbox struct {
	On             bool     `toml:"on"`
	Secret         string   `toml:"secret"` // of short-lived tokens
	BytesInAll     Size     `toml:"bytes_in_all"`
	BytesPerDevice Size     `toml:"bytes_per_device"`
	Files          int      `toml:"files"`
	Keep           Duration `toml:"keep"`
	Least          Duration `toml:"least"`
	RatePerAddress Size     `toml:"bytes_per_second"` // fetched from an address; 0: no bound
}

func defaultSeedbox() Seedbox {
	c := seedbox.DefaultConfig()
	return Seedbox{
		BytesInAll: Size(c.Room), BytesPerDevice: Size(c.Quota), Files: c.Files,
		Keep: Duration(c.Keep), Least: Duration(c.Least),
	}
}

func (s *Seedbox) check(c *Config) error {
	switch {
	case !s.On:
		return nil
	case s.Secret == "":
		return kith.Errorf(kith.Invalid, "seedbox.secret is empty, so anybody could use the seedbox: give it many random letters, as kith hub init does")
	case s.Least > s.Keep:
		return kith.Errorf(kith.Invalid, "seedbox.least is %s, longer than seedbox.keep, which is %s", s.Least, s.Keep)
	case len(c.NATS.Servers) > 0:
		return kith.Errorf(kith.Invalid, "seedbox.on: the seedbox keeps files on this machine, so it can't be one of several hubs of one name; run it as a hub of its own")
	}
	return nil
}

// The folder of the seedbox.
const seedboxFolder = "seedbox"

// spaceEvery is how often devices that stay get a new token: long before the old
// one runs out.
const spaceEvery = hubapi.SeedToken / 4

// seedboxPart runs a seedbox.
type seedboxPart struct {
	cfg   Seedbox
	at    place
	store *seedbox.Store // nil until it starts
}

// Name implements part.
func (p *seedboxPart) Name() string { return hubapi.PartSeedbox }

// Start implements part.
func (p *seedboxPart) Start(_ context.Context, at place) (err error) {
	p.at = at
	p.store, err = seedbox.Open(filepath.Join(at.Dir, seedboxFolder), seedbox.Config{
		Quota: int64(p.cfg.BytesPerDevice), Room: int64(p.cfg.BytesInAll), Files: p.cfg.Files,
		Keep: p.cfg.Keep.Duration(), Least: p.cfg.Least.Duration(), Changed: at.TellSpace,
	}, at.Log)
	return err
}

// Handlers implements part.
func (p *seedboxPart) Handlers() map[string]http.Handler {
	const path = hubapi.PathSeed + "{file}"
	return map[string]http.Handler{
		"PUT " + path:              p.asked(p.keep),
		"PUT " + path + "/{piece}": p.carried(p.keepPiece),
		"GET " + path:              p.asked(p.state),
		"GET " + path + "/data":    p.carried(p.fetch),
		"GET " + path + "/info":    p.carried(p.info),
		"DELETE " + path:           p.asked(p.release),
	}
}

// Space implements keeper.
func (p *seedboxPart) Space(now time.Time, device hubapi.Key) *hubapi.Space {
	until := now.Add(hubapi.SeedToken)
	return &hubapi.Space{
		Token: seedbox.Token(p.cfg.Secret, device, until), Until: until.UnixMilli(),
		Quota: uint64(p.cfg.BytesPerDevice), Used: uint64(p.store.Used(device)),
	}
}

// Keeps implements keeper.
func (p *seedboxPart) Keeps(device hubapi.Key) int64 { return p.store.Keeps(device) }

// Collector implements measured.
func (p *seedboxPart) Collector() prometheus.Collector { return p.store }

// Close implements part.
func (p *seedboxPart) Close() error {
	if p.store == nil {
		return nil
	}
	return p.store.Close()
}

// tellSpace tells a device that is here what it may have kept.
func (h *Hub) tellSpace(key hubapi.Key) {
	if d := h.devices.get(key); d != nil {
		d.sendSpace()
	}
}

// tellSpaces gives every device that is here a new token, before its old one
// runs out.
func (h *Hub) tellSpaces() {
	if h.keeper == nil {
		return
	}
	for _, d := range h.devices.connected() {
		d.sendSpace()
	}
}

// sendSpace tells the device what it may have kept, if there is a seedbox.
func (d *device) sendSpace() {
	if d.h.keeper != nil {
		d.send(d.h.keeper.Space(time.Now(), d.key))
	}
}
