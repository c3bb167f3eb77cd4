package dht

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kith"
	"kith/meet"
)

const (
	saveEvery   = 20 * time.Minute
	reopenFirst = 5 * time.Second // after the sockets could not be opened, or broke
	reopenLast  = 5 * time.Minute
)

// A generation is what runs between two changes of the network or the switch:
// its sockets, and all that is asked over them.
type generation struct {
	courier  *Courier
	mail     meet.Mail
	families []*family
	life     context.Context
	work     sync.WaitGroup // lookups, the joining of families, and who entered
	ready    chan struct{}  // closed when a family has nodes
	once     sync.Once

	mu    sync.Mutex
	ended bool // guarded by mu: nobody enters any more
}

// Run reads and writes items until ctx ends.
func (c *Courier) Run(ctx context.Context, mail meet.Mail) error {
	defer c.save()
	pause := reopenFirst
	for ctx.Err() == nil {
		wait, err := c.generation(ctx, mail)
		if err == nil {
			pause = reopenFirst
		} else if ctx.Err() == nil {
			c.setTrouble(fmt.Sprintf("The DHT can't be used: %v.", err))
			wait, pause = pause, min(2*pause, reopenLast)
		}
		if wait == 0 {
			continue
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.changed:
		case <-again.C:
		}
		again.Stop()
	}
	return ctx.Err()
}

func (c *Courier) setTrouble(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = text
	c.assess()
}

// generation runs one. It gives how long to wait before the next, unless
// something changes.
func (c *Courier) generation(ctx context.Context, mail meet.Mail) (wait time.Duration, err error) {
	const untilSwitchedOn = 24 * time.Hour
	c.mu.Lock()
	on := c.enabled
	c.mu.Unlock()
	if !on {
		return untilSwitchedOn, nil
	}
	life, cancel := context.WithCancel(ctx)
	g := &generation{courier: c, mail: mail, life: life, ready: make(chan struct{})}
	defer g.end(cancel)
	if err := g.open(); err != nil {
		return 0, err
	}
	c.setCurrent(g)
	defer c.setCurrent(nil)
	for _, f := range g.families {
		g.work.Go(func() {
			f.join(life, func(ctx context.Context) []netip.AddrPort {
				return resolveRouters(ctx, c.options.Routers, f.six)
			})
		})
	}
	return 0, g.live()
}

func (c *Courier) setCurrent(g *generation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.trouble, c.outcome = g, "", unknown
	c.turn()
	c.assess()
}

// open takes a socket for each family; one is enough.
func (g *generation) open() error {
	var failed []error
	for i, network := range []string{"udp4", "udp6"} {
		socket, err := g.courier.listen(network)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		s, err := newServer(socket)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		g.families = append(g.families, &family{
			transport: s, six: i == 1, nodes: g.courier.pools[i],
			manners: manners{turns: make(map[netip.AddrPort]time.Time)}, joined: g.joined, lost: make(chan struct{}, 1), life: g.life,
		})
	}
	if len(g.families) == 0 {
		return kith.Errorf(kith.Unreachable, "open a UDP socket: %w", errors.Join(failed...))
	}
	return nil
}

// joined is told how a family's search for nodes went. One family is enough.
func (g *generation) joined(anybody bool) {
	if anybody {
		g.once.Do(func() { close(g.ready) })
		g.courier.searched(true)
		return
	}
	select {
	case <-g.ready:
	default:
		g.courier.searched(false)
	}
}

// enter lets somebody from outside use the generation until they leave it. It
// reports false at its end.
func (g *generation) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		g.work.Add(1)
	}
	return !g.ended
}

func (g *generation) leave() { g.work.Done() }

// end ends all that the generation began and waits for it.
func (g *generation) end(cancel func()) {
	cancel()
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	g.work.Wait()
	for _, f := range g.families {
		f.asking.Wait()
		f.close()
	}
}

// live does what the plan says until something changes.
func (g *generation) live() error {
	c := g.courier
	broken := make(chan struct{}, 1)
	for _, f := range g.families {
		g.work.Go(func() {
			select {
			case <-f.failed():
				tell(broken)
			case <-g.life.Done():
			}
		})
	}
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	ready := g.ready
	for {
		select {
		case <-g.life.Done():
			return nil
		case <-c.changed:
			return nil
		case <-broken:
			return kith.Errorf(kith.Unreachable, "its socket broke")
		case <-save.C:
			c.save()
			continue
		case <-ready:
			ready = nil
		case <-next.C:
		case <-c.woken:
		}
		if ready == nil {
			next.Reset(g.start())
		}
	}
}

// start begins the lookups that are due and gives when there will be more.
func (g *generation) start() time.Duration {
	c := g.courier
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for {
		who, ok := c.plan.next(now)
		if !ok {
			return c.plan.wake(now)
		}
		quick := c.plan.entries[who].quick.until.After(now)
		g.work.Go(func() {
			g.read(who, quick)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.plan.done(who, now, time.Now())
			tell(c.woken)
		})
	}
}

// read looks up the items of a correspondent. If somebody waits, an answer will
// have to be written soon: where to is looked up beside it.
func (g *generation) read(who meet.Correspondent, quick bool) {
	theirs, ours := g.courier.inbox(who)
	var lookups sync.WaitGroup
	var given atomic.Int32
	for _, s := range theirs {
		lookups.Go(func() {
			g.lookUp(g.life, s, func(a *answer) {
				if note, ok := s.learn(a); ok && given.Load() < maxNotes && g.courier.isNew(who, note) {
					given.Add(1)
					g.mail.Note(who, g.courier, note)
				}
			})
		})
	}
	if quick {
		lookups.Go(func() { g.locate(g.life, ours, false) })
	}
	lookups.Wait()
}

// inbox gives the slots where a correspondent's notes may lie, and that where
// ours for them go.
func (c *Courier) inbox(who meet.Correspondent) (theirs []*slot, ours *slot) {
	now := time.Now()
	today := dayOf(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peer(who)
	for _, day := range daysAt(now) {
		theirs = append(theirs, p.slot(day, reads(who), today))
	}
	return theirs, p.slot(today, writes(c.options.Account, who), today)
}

// isNew reports whether a note came for the first time, and expects more.
func (c *Courier) isNew(who meet.Correspondent, note []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plan.entries[who] == nil || !c.peer(who).seen.add(note) {
		return false
	}
	c.plan.alerted(who, time.Now())
	return true
}

// save hands out the nodes that answered.
func (c *Courier) save() {
	if c.options.SaveNodes == nil {
		return
	}
	b := c.pools[0].save(nil)
	b = c.pools[1].save(b)
	if len(b) > 1 {
		c.options.SaveNodes(slices.Clip(b))
	}
}
