package node

import (
	"context"
	"time"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/meet/call"
	"kith/wire"
)

// betterAfter are the times between the tries to find a direct path for a
// relayed link; the last one is that of all later tries.
var betterAfter = []time.Duration{2 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// A better replaces relayed links by direct ones when it can. The notes that
// this takes go over the link itself. Its first try comes after the moment in
// which two links count as one wish (see links.add).
type better struct{ r *run }

func newBetter(r *run) *better { return &better{r} }

// run looks for a direct path to the other end of a link until ctx ends with
// the link. The side that asked for the link does so.
func (b *better) run(ctx context.Context, l *live) {
	if !l.Initiator() || l.Path().Kind != link.Relayed {
		return
	}
	timer := time.NewTimer(betterAfter[0])
	defer timer.Stop()
	for tries := 1; ; tries++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.hope:
		}
		if direct, err := b.find(ctx, l); err == nil {
			b.r.dialled(direct) // takes the place of l
			return
		} else if ctx.Err() == nil {
			b.r.log.Debug("a link stays relayed", "device", l.Peer().Device.Short(), "reason", err)
		}
		timer.Reset(betterAfter[min(tries, len(betterAfter)-1)])
	}
}

// find makes a direct link beside a relayed one.
func (b *better) find(ctx context.Context, l *live) (link.Link, error) {
	to, ok := b.correspondent(l)
	if !ok {
		return nil, kith.Errorf(kith.Conflict, "there is no common secret yet")
	}
	return b.r.calls.Call(ctx, to, l.over)
}

// note takes a note that came over a link.
func (b *better) note(l *live, note []byte) {
	if from, ok := b.correspondent(l); ok {
		b.r.calls.Note(from, l.over, note)
	}
}

// correspondent is who is at the other end of a link.
func (b *better) correspondent(l *live) (who meet.Correspondent, ok bool) {
	c, ok := b.r.people.get(l.Peer().Account)
	if !ok {
		return who, false
	}
	key, joining := meetOf(&c)
	return meet.Correspondent{Account: c.Account, Key: key}, !joining && !key.IsZero()
}

// now tries again at once for all links to an account, or all if it is zero.
func (b *better) now(account kith.AccountID) {
	if b == nil {
		return // there are no couriers
	}
	for _, l := range b.r.links.of(account) {
		select {
		case l.hope <- struct{}{}:
		default:
		}
	}
}

// newLive makes what is known of a link that is served.
func newLive(l link.Link) *live {
	served := &live{Link: l, since: time.Now(), hope: make(chan struct{}, 1)}
	served.over = call.NewOver(func(f wire.Frame) { served.talk.Say(f) })
	return served
}
