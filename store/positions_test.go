package store_test

import (
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestPositions(t *testing.T) {
	s := fresh(t, alice)
	var events []kith.Event
	for seq := range uint64(10) {
		events = append(events, event(bob, seq+1, 100*(seq+1), text("said"))) // at 100, 200, …
	}
	hear(t, s, events...)
	ctx := t.Context()
	at := func(ms int64) (store.Position, error) { return s.PositionSince(ctx, chat, time.UnixMilli(ms)) }
	for name, c := range map[string]struct {
		find func() (store.Position, error)
		want int
	}{
		"of the first":         {func() (store.Position, error) { return s.PositionOf(ctx, chat, events[0].ID) }, 0},
		"of the last":          {func() (store.Position, error) { return s.PositionOf(ctx, chat, events[9].ID) }, 9},
		"at the beginning":     {func() (store.Position, error) { return s.PositionAt(ctx, chat, 0) }, 0},
		"at 4":                 {func() (store.Position, error) { return s.PositionAt(ctx, chat, 4) }, 4},
		"before the beginning": {func() (store.Position, error) { return s.PositionAt(ctx, chat, -1) }, 0},
		"beyond the end":       {func() (store.Position, error) { return s.PositionAt(ctx, chat, 10) }, 9},
		"since before all":     {func() (store.Position, error) { return at(-5) }, 0},
		"since exactly one":    {func() (store.Position, error) { return at(300) }, 2},
		"since between two":    {func() (store.Position, error) { return at(301) }, 3},
		"since after all":      {func() (store.Position, error) { return at(1001) }, 9},
	} {
		got, err := c.find()
		if want := (store.Position{ID: events[c.want].ID, Before: c.want, After: 9 - c.want}); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", name, got, err, want)
		}
	}
}

func TestNoPosition(t *testing.T) {
	s := fresh(t, alice)
	if _, err := s.PositionAt(t.Context(), chat, 0); kith.KindOf(err) != kith.NotFound {
		t.Errorf("in a conversation without messages: %v", err)
	}
	hear(t, s, event(bob, 1, 1, text("said")))
	if _, err := s.PositionOf(t.Context(), chat, kith.EventID{1}); kith.KindOf(err) != kith.NotFound {
		t.Errorf("of a message that is not there: %v", err)
	}
}
