package meet

import (
	"context"
	"time"

	"github.com/vishvananda/netlink"
)

// networkEvents tells that addresses or links may have changed.
func networkEvents(ctx context.Context) <-chan struct{} {
	events := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			relay(ctx, events)
			// The kernel drops subscribers that fall behind; others can't
			// subscribe at all (a sandbox). What was missed is caught up with.
			tell(events)
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
		}
	}()
	return events
}

// relay passes netlink's events on until ctx ends or the subscription does.
func relay(ctx context.Context, events chan<- struct{}) {
	done := make(chan struct{})
	defer close(done)
	addrs := make(chan netlink.AddrUpdate, 16)
	links := make(chan netlink.LinkUpdate, 16)
	ignore := func(error) {}
	if netlink.AddrSubscribeWithOptions(addrs, done, netlink.AddrSubscribeOptions{ErrorCallback: ignore}) != nil {
		return
	}
	// A subscription ends by closing its channel, and must not find it full
	// before.
	defer func() { go drain(addrs) }()
	if netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ErrorCallback: ignore}) != nil {
		return
	}
	defer func() { go drain(links) }()
	tell(events)
	for {
		var ok bool
		select {
		case <-ctx.Done():
			return
		case _, ok = <-addrs:
		case _, ok = <-links:
		}
		if !ok {
			return
		}
		tell(events)
	}
}

func drain[T any](c <-chan T) {
	for range c {
	}
}
