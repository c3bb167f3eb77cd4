//go:build linux

package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxFrame = 1514                   // an MTU of 1500 and the Ethernet header
	maxWait  = 200 * time.Millisecond // for the wire, when Line.Rate is set
	maxQueue = 16 << 10               // frames under way in one direction; 25 MB
)

// A cable joins a card in the namespace of a host or router to a port of a
// switch. With a line it is two TAP devices and four goroutines, without one a
// veth pair.
type cable struct {
	space, port     string // the switch's namespace and the port in it
	hostSpace, card string // the other end's
	taps            []*os.File
	line            *atomic.Pointer[Line]
	unplugged       atomic.Bool
	done            chan struct{}
	pipes           sync.WaitGroup
}

func newCable(hostSpace, card string, s *Switch, port string) (*cable, error) {
	switchSpace, line := s.space, s.line
	c := &cable{space: switchSpace, port: port, hostSpace: hostSpace, card: card, line: line, done: make(chan struct{})}
	if line == nil {
		return c, ip(switchSpace, "link add %[1]s type veth peer name %[2]s netns %[3]s\nlink set %[1]s master br0 up\n", port, card, hostSpace)
	}
	inner, err := openTAP(hostSpace, card)
	if err != nil {
		return nil, err
	}
	outer, err := openTAP(switchSpace, port)
	if err != nil {
		inner.Close()
		return nil, err
	}
	c.taps = []*os.File{inner, outer}
	c.start(inner, outer, "out of "+port)
	c.start(outer, inner, "into "+port)
	if err := ip(switchSpace, "link set %s master br0 up\n", port); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// start carries frames one way.
func (c *cable) start(from, to *os.File, name string) {
	// The seed is the name of the direction, so a line loses the same frames
	// in every run, as far as the same frames are sent.
	seed := fnv.New64a()
	seed.Write([]byte(name))
	p := &pipe{cable: c, random: rand.New(rand.NewPCG(seed.Sum64(), 0)), queue: make(chan *frame, maxQueue)}
	c.pipes.Go(func() { p.take(from) })
	c.pipes.Go(func() { p.give(to) })
}

// plug puts the cable in or pulls it.
func (c *cable) plug(in bool) error {
	c.unplugged.Store(!in)
	if c.taps == nil {
		state := "down"
		if in {
			state = "up"
		}
		return ip(c.space, "link set %s %s\n", c.port, state)
	}
	var errs []error
	for _, tap := range c.taps {
		errs = append(errs, setCarrier(tap, in))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("plugging %s: %w", c.port, err)
	}
	return nil
}

// remove takes the cable away, with the card at its end.
func (c *cable) remove() error {
	c.close()
	if c.taps == nil {
		return ip(c.space, "link del %s\n", c.port)
	}
	// The devices go with their files, but a process that is just being started
	// holds those for a moment more. What is gone already can't be deleted.
	ip(c.space, "link del %s\n", c.port)
	ip(c.hostSpace, "link del %s\n", c.card)
	return nil
}

// close ends the goroutines and with them the TAP devices. A veth pair ends
// with its namespaces.
func (c *cable) close() {
	close(c.done)
	for _, tap := range c.taps {
		tap.Close()
	}
	c.pipes.Wait()
}

// A pipe is one direction of a cable.
type pipe struct {
	cable  *cable
	queue  chan *frame // first in, first out; closed by take
	random *rand.Rand  // take's
	free   time.Time   // take's: when the wire has sent all that came so far
	last   time.Time   // take's: when the latest frame is due
}

type frame struct {
	due  time.Time
	size int
	data [maxFrame]byte
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// take reads frames and decides what becomes of each.
func (p *pipe) take(from *os.File) {
	defer close(p.queue)
	for {
		f := frames.Get().(*frame)
		n, err := from.Read(f.data[:])
		if err != nil {
			return
		}
		f.size = n
		if !p.admit(f, time.Now(), *p.cable.line.Load()) {
			frames.Put(f)
			continue
		}
		select {
		case p.queue <- f:
		default:
			frames.Put(f)
		}
	}
}

// admit says whether the frame survives, and sets when it is due. This is one
// of the two cables that it crosses.
func (p *pipe) admit(f *frame, now time.Time, line Line) bool {
	// Two tosses a frame, needed or not, so that the same frames meet the same
	// luck whatever the line was before.
	loss, jitter := p.random.Float64(), p.random.Float64()
	if p.cable.unplugged.Load() {
		return false
	}
	sent := now
	if line.Rate > 0 {
		if p.free.Before(now) {
			p.free = now
		}
		if p.free.Sub(now) > maxWait {
			return false
		}
		p.free = p.free.Add(time.Duration(float64(f.size) / float64(line.Rate) * float64(time.Second)))
		sent = p.free
	}
	if loss >= math.Sqrt(1-line.Loss) {
		return false
	}
	f.due = sent.Add(line.Delay/2 + time.Duration(jitter*float64(line.Jitter/2)))
	if f.due.Before(p.last) {
		f.due = p.last
	}
	p.last = f.due
	return true
}

// give writes each frame when it is due.
func (p *pipe) give(to *os.File) {
	for f := range p.queue {
		p.cable.wait(f.due)
		if !p.cable.unplugged.Load() {
			// A frame that the device refuses, because it is down or going, is
			// lost as it would be on a real wire.
			to.Write(f.data[:f.size])
		}
		frames.Put(f)
	}
}

// wait returns at the given time, or when the cable is closed.
func (c *cable) wait(until time.Time) {
	// The runtime's timers are up to a millisecond late. They do most of the
	// waiting, and the kernel, late by a tenth of that, the rest.
	const coarse = 1500 * time.Microsecond
	if left := time.Until(until); left > coarse {
		timer := time.NewTimer(left - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.done:
			return
		}
	}
	for left := time.Until(until); left > 0; left = time.Until(until) {
		rest := unix.NsecToTimespec(left.Nanoseconds())
		unix.Nanosleep(&rest, nil) // ends early at every signal
	}
}
