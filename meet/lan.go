package meet

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Timing of the local network.
const (
	announceAgain = time.Second // RFC 6762 section 8.3
	firstQuery    = time.Second // then every time twice as long as before
	lastQuery     = time.Hour   // up to here (section 5.2)
	answerPause   = time.Second // between two answers on one interface (section 6)
	entryLife     = mdnsTTL * time.Second
	maxNeighbours = 256 // devices known at a time

	retryFirst = 5 * time.Second // after the way could not work
	retryLast  = 5 * time.Minute
)

// LAN is the way of the local network. The device publishes that some Kith is
// at its addresses, under a tag that changes every day, and looks for others.
// Neither its name nor its person's appears, and who is behind a tag only a
// contact's knock can tell.
type LAN struct {
	port    uint16
	tag     func(day uint32) [16]byte
	log     *slog.Logger
	changed chan struct{} // the network did; holds one

	// Tests use others than localInterfaces and today.
	interfaces func() ([]net.Interface, error)
	today      func() (day uint32, left time.Duration)

	mu    sync.Mutex
	state State // guarded by mu
}

// NewLAN makes the way for a device that can be reached on a UDP port. The tag
// of a day, counted from 1970 in UTC, is opaque and this device's own.
func NewLAN(port uint16, tag func(day uint32) [16]byte, log *slog.Logger) *LAN {
	l := &LAN{
		port: port, tag: tag, log: log, changed: make(chan struct{}, 1),
		interfaces: localInterfaces,
		today:      func() (uint32, time.Duration) { return dayOf(time.Now()) },
	}
	l.state.set(WayLAN, false, "Not started: this device is hidden, or just starting.", time.Now())
	return l
}

// Name is WayLAN.
func (l *LAN) Name() string { return WayLAN }

// NetworkChanged begins anew on the interfaces that there are now.
func (l *LAN) NetworkChanged() { tell(l.changed) }

// State tells on which interfaces others are looked for.
func (l *LAN) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *LAN) setState(working bool, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Working != working {
		l.log.Debug("local network", "working", working, "reason", reason)
	}
	l.state.set(WayLAN, working, reason, time.Now())
}

// Run publishes and searches until ctx ends, and says goodbye then.
func (l *LAN) Run(ctx context.Context, found func(Find)) error {
	defer l.setState(false, "Stopped: this device is hidden, or about to end.")
	pause := retryFirst
	for {
		err := l.generation(ctx, found)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			pause = retryFirst
			continue
		}
		l.setState(false, fmt.Sprintf("The local network can't be searched: %v.", err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.changed:
			pause = retryFirst
		case <-time.After(pause):
			pause = min(2*pause, retryLast)
		}
	}
}

// dayOf is the number of the day and how long it lasts yet.
func dayOf(now time.Time) (day uint32, left time.Duration) {
	const length = 24 * time.Hour
	midnight := now.UTC().Truncate(length).Add(length)
	return uint32(now.Unix() / int64(length/time.Second)), midnight.Sub(now)
}

// generation runs one neighbourhood. It gives nil when the next should begin at
// once.
func (l *LAN) generation(ctx context.Context, found func(Find)) error {
	ifaces, err := l.interfaces()
	if err != nil {
		return err
	}
	conn, err := openMDNS(ifaces)
	if err != nil {
		return err
	}
	defer conn.close()
	day, left := l.today()
	tag := l.tag(day)
	n := &neighbourhood{
		lan: l, conn: conn, found: found, tag: hex.EncodeToString(tag[:]),
		others:  make(map[string]*neighbour),
		answers: make(map[*lanInterface]time.Time),
		quiet:   make(map[*lanInterface]time.Time),
	}
	defer n.leave()
	if err := n.announce(); err != nil {
		return err
	}
	n.report()
	return n.live(ctx, time.Now().Add(left))
}
