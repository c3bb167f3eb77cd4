package shelf

import (
	"context"
	"encoding/json"
	"time"

	"kith"
	"kith/store"
)

// settingsName is where the settings are kept in the store.
const settingsName = "transfers"

// Limits are bounds of speed in bytes a second; 0 means none.
type Limits struct {
	Down int64 `json:"down"`
	Up   int64 `json:"up"`
}

// Hours are limits for a part of every day, in minutes since midnight of the
// local time. One that ends before it begins goes on into the next day.
type Hours struct {
	From  int `json:"from"`
	Until int `json:"until"`
	Limits
}

// Settings are what a person sets for all transfers.
type Settings struct {
	Limits
	Hours    []Hours `json:"hours"`
	Torrents bool    `json:"torrents"` // fetch ordinary torrents
	Fetch    string  `json:"fetch"`    // where a conversation says nothing else
	Most     uint64  `json:"most"`
}

// usual are the settings of somebody who set nothing.
var usual = Settings{Fetch: FetchSmall, Most: 100e6}

// at is which limits hold at a time.
func (o *Settings) at(now time.Time) Limits {
	minute := now.Hour()*60 + now.Minute()
	for _, h := range o.Hours {
		within := minute >= h.From && minute < h.Until
		if h.Until <= h.From {
			within = minute >= h.From || minute < h.Until
		}
		if within {
			return h.Limits
		}
	}
	return o.Limits
}

func (s *Shelf) loadSettings(ctx context.Context) error {
	s.settings = usual
	raw, err := s.cfg.Store.Setting(ctx, settingsName)
	if err != nil || raw == nil {
		return err
	}
	if err := json.Unmarshal(raw, &s.settings); err != nil {
		return kith.Errorf(kith.Damaged, "the settings of transfers in the store are damaged: %w", err)
	}
	return nil
}

// Settings gives the settings, and the limits that hold now.
func (s *Shelf) Settings() (Settings, Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings, s.settings.at(s.cfg.Now())
}

// SetSettings changes them, durably.
func (s *Shelf) SetSettings(ctx context.Context, o Settings) error {
	if err := o.check(); err != nil {
		return err
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutSetting(settingsName, raw) }); err != nil {
		return err
	}
	s.mu.Lock()
	s.settings = o
	s.mu.Unlock()
	s.limit()
	return s.switchPlain(ctx)
}

func (o *Settings) check() error {
	limits := []Limits{o.Limits}
	for _, h := range o.Hours {
		limits = append(limits, h.Limits)
		if h.From < 0 || h.From >= 24*60 || h.Until < 0 || h.Until >= 24*60 || h.From == h.Until {
			return kith.Errorf(kith.Invalid, "hours go from one time of the day to another one")
		}
	}
	for _, l := range limits {
		if l.Down < 0 || l.Up < 0 {
			return kith.Errorf(kith.Invalid, "a limit can't be less than nothing; 0 means that there is none")
		}
	}
	if o.Fetch != FetchAll && o.Fetch != FetchSmall && o.Fetch != FetchClick {
		return kith.Errorf(kith.Invalid, "%q is not something that can be fetched by itself: say all, small or click", o.Fetch)
	}
	return nil
}

// limit sets the limits of this time of the day.
func (s *Shelf) limit() {
	_, now := s.Settings()
	s.swarm.SetLimits(now.Up, now.Down)
	s.plain.limit(now)
}

// keepHours follows the time of the day. It looks every minute, for clocks and
// time zones change.
func (s *Shelf) keepHours() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.limit()
		}
	}
}
