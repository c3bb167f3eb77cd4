package dht

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"kith"
	"kith/meet"
)

// Way is the courier's name.
const Way = "dht"

// What is said when nobody answers.
const (
	silence   = "No node of the DHT answers: this network may block it."
	noRouters = "No node of the DHT is known here, and no router (a node to begin with) is configured."
)

// Options tell a Courier how to work.
type Options struct {
	// Account is ours; it names the items that we write.
	Account kith.AccountID
	// Enabled says whether it may use the DHT; see [Courier.SetEnabled].
	Enabled bool
	// Routers are hosts and ports of nodes to begin with, for which
	// DefaultRouters stand if nil. They are asked only if no other answers.
	Routers []string
	// Nodes is what SaveNodes was given last, or nil.
	Nodes []byte
	// SaveNodes is handed, now and then and at the end of Run, at most 30 kB
	// that spare the routers at the next start. It may be nil.
	SaveNodes func([]byte)
	Log       *slog.Logger // may be nil
}

// A Courier carries notes through the DHT. It implements [meet.Courier].
type Courier struct {
	options Options
	// listen opens a socket of "udp4" or "udp6"; tests have another network.
	listen  func(network string) (net.PacketConn, error)
	pools   [2]*pool      // of IPv4 and IPv6
	woken   chan struct{} // the plan changed; holds one
	changed chan struct{} // the network or the switch did; holds one

	mu      sync.Mutex // guards all below
	enabled bool
	plan    *schedule
	peers   map[meet.Correspondent]*peer
	current *generation   // or nil
	opened  chan struct{} // closed and replaced when current or enabled changes
	trouble string        // why there is no socket
	outcome outcome
	state   meet.State
}

// An outcome is how the latest search of a generation went.
type outcome int

const (
	unknown outcome = iota
	answered
	unanswered
)

var _ meet.Courier = (*Courier)(nil)

// New makes a Courier. An error is of kind kith.Invalid and tells which router
// can't be one.
func New(o Options) (*Courier, error) {
	if o.Routers == nil {
		o.Routers = DefaultRouters
	}
	if err := checkRouters(o.Routers); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Courier{
		options: o,
		listen:  func(network string) (net.PacketConn, error) { return net.ListenPacket(network, ":0") },
		pools:   [2]*pool{newPool(), newPool()},
		woken:   make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		enabled: o.Enabled,
		plan:    newSchedule(),
		peers:   make(map[meet.Correspondent]*peer),
		opened:  make(chan struct{}),
	}
	c.pools[0].load(o.Nodes, false)
	c.pools[1].load(o.Nodes, true)
	return c, nil
}

// Name is Way.
func (c *Courier) Name() string { return Way }

// Live is false: a note lies in the DHT until somebody looks.
func (c *Courier) Live() bool { return false }

// SetCorrespondents replaces those whose items are looked up.
func (c *Courier) SetCorrespondents(all []meet.Correspondent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.set(all, time.Now())
	for who := range c.peers {
		if c.plan.entries[who] == nil {
			delete(c.peers, who)
		}
	}
	tell(c.woken)
}

// Hasten has a correspondent's item looked up at once, and for a minute often.
func (c *Courier) Hasten(who meet.Correspondent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.hasten(who, time.Now())
	tell(c.woken)
}

// NetworkChanged begins anew with other sockets.
func (c *Courier) NetworkChanged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.everybody(time.Now())
	for _, p := range c.pools {
		p.wake()
	}
	tell(c.changed)
}

// SetEnabled switches the courier. While it is off, nothing is sent.
func (c *Courier) SetEnabled(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.enabled == on {
		return
	}
	c.enabled = on
	c.turn()
	tell(c.changed)
}

// turn wakes those who wait for a generation. It wants mu.
func (c *Courier) turn() {
	close(c.opened)
	c.opened = make(chan struct{})
}

// Send puts a note where they look for it. How many will is unknown. It waits
// for the DHT to be reached while ctx lasts.
func (c *Courier) Send(ctx context.Context, to meet.Correspondent, note []byte) (heard int, known bool, err error) {
	if len(note) == 0 || len(note) > meet.MaxNote {
		return 0, false, kith.Errorf(kith.Invalid, "a note of %d bytes does not fit into the DHT, which takes 1 to %d", len(note), meet.MaxNote)
	}
	g, err := c.await(ctx)
	if err != nil {
		return 0, false, err
	}
	if !g.enter() {
		return 0, false, kith.Errorf(kith.Unreachable, "leave a note in the DHT: it is being left")
	}
	defer g.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	return 0, false, g.write(ctx, c.outbox(to, note), note)
}

// outbox gives the slot that a note goes into, and expects an answer.
func (c *Courier) outbox(to meet.Correspondent, note []byte) *slot {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peer(to)
	p.seen.add(note)
	c.plan.alerted(to, now)
	tell(c.woken)
	today := dayOf(now)
	return p.slot(today, writes(c.options.Account, to), today)
}

// peer gives what is kept of somebody; of one who is no correspondent, nothing.
// It wants mu.
func (c *Courier) peer(who meet.Correspondent) *peer {
	p := c.peers[who]
	if p == nil {
		p = newPeer(who)
		if c.plan.entries[who] != nil {
			c.peers[who] = p
		}
	}
	return p
}

// await gives the generation once some node answered.
func (c *Courier) await(ctx context.Context) (*generation, error) {
	for {
		c.mu.Lock()
		g, on, opened := c.current, c.enabled, c.opened
		c.mu.Unlock()
		if !on {
			return nil, kith.Errorf(kith.Unreachable, "The DHT is switched off.")
		}
		var ready <-chan struct{}
		if g != nil {
			ready = g.ready
		}
		select {
		case <-ready:
			return g, nil
		case <-opened:
		case <-ctx.Done():
			return nil, kith.Errorf(kith.Unreachable, "%s", c.State().Reason)
		}
	}
}

// searched takes in whether anybody answered a search.
func (c *Courier) searched(anybody bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcome = unanswered
	if anybody {
		c.outcome = answered
	}
	c.assess()
}

// State tells whether the DHT is reached.
func (c *Courier) State() meet.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assess()
	return c.state
}

// assess brings state up to date. It wants mu.
func (c *Courier) assess() {
	now := time.Now()
	working, looking, reason := false, false, ""
	nodes := c.pools[0].alive(now) + c.pools[1].alive(now)
	switch {
	case !c.enabled:
		reason = "Switched off."
	case c.trouble != "":
		reason = c.trouble
	case c.current == nil:
		looking, reason = true, "Not started: this device is hidden, or just starting."
	case c.outcome == unanswered || c.outcome == answered && nodes == 0:
		if reason = silence; len(c.options.Routers) == 0 {
			reason = noRouters
		}
	case c.outcome == unknown:
		looking, reason = true, "Looks for nodes of the public DHT."
	case nodes == 1:
		working, reason = true, "Searches the public DHT; 1 node answers."
	default:
		working, reason = true, fmt.Sprintf("Searches the public DHT; %d nodes answer.", nodes)
	}
	if c.state.Working != working || c.state.Since.IsZero() {
		c.options.Log.Debug("dht", "working", working, "reason", reason)
		c.state.Since = now
	}
	c.state.Way, c.state.Working, c.state.Unknown, c.state.Reason = Way, working, looking, reason
}

// tell puts an event into a channel that holds one.
func tell(events chan<- struct{}) {
	select {
	case events <- struct{}{}:
	default:
	}
}
