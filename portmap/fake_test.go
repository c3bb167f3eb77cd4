package portmap

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A router is the world of a test: what stands in for a router, and for the
// network of this device.
type router struct {
	mu      sync.Mutex
	way     route
	asked   route // the one that was asked last
	outside netip.Addr
	born    time.Time // when it began to keep mappings
	silent  bool
	refuses map[string]error // by protocol
	slow    map[string]time.Duration
	grants  time.Duration // instead of what is asked
	table   map[Port]uint16
	adds    int
}

// fake is a protocol that the router speaks.
type fake struct {
	router *router
	called string
}

func (f fake) name() string { return f.called }

// call takes the time that an answer takes.
func (f fake) call(ctx context.Context) error {
	f.router.mu.Lock()
	silent, refuses, slow := f.router.silent, f.router.refuses[f.called], f.router.slow[f.called]
	f.router.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	return refuses
}

func (f fake) look(ctx context.Context) (view, error) {
	err := f.call(ctx)
	f.router.mu.Lock()
	defer f.router.mu.Unlock()
	return view{f.router.outside, uint32(time.Since(f.router.born) / time.Second), true}, err
}

func (f fake) add(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (grant, error) {
	if err := f.call(ctx); err != nil {
		return grant{}, err
	}
	f.router.mu.Lock()
	defer f.router.mu.Unlock()
	f.router.adds++
	f.router.table[p] = outside
	if f.router.grants > 0 {
		lifetime = f.router.grants
	}
	return grant{netip.AddrPortFrom(f.router.outside, outside), lifetime}, nil
}

func (f fake) remove(ctx context.Context, p Port, outside uint16) error {
	if err := f.call(ctx); err != nil {
		return err
	}
	f.router.mu.Lock()
	defer f.router.mu.Unlock()
	delete(f.router.table, p)
	return nil
}

// change changes the router while the mapper runs.
func (r *router) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// count is how many mappings were asked for.
func (r *router) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.adds
}

// size is how many ports are mapped.
func (r *router) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.table)
}

var (
	public  = netip.MustParseAddr("203.0.113.5")
	public2 = netip.MustParseAddr("203.0.113.6")
	udp     = Port{"udp", 4711}
	tcp     = Port{"tcp", 4712}
)

// mapping runs a mapper for some ports inside a bubble, where time is made up.
func mapping(t *testing.T, ports []Port, test func(r *router, m *Mapper)) {
	synctest.Test(t, func(t *testing.T) {
		r := &router{
			way:     route{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("192.168.1.2")},
			outside: public, born: time.Now().Add(-time.Hour), table: map[Port]uint16{},
			slow: map[string]time.Duration{"upnp": time.Second}, refuses: map[string]error{},
		}
		m := New(Options{})
		m.find = func() (route, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !r.way.gateway.IsValid() {
				return route{}, errNoGateway
			}
			return r.way, nil
		}
		m.ask = func(way route) []protocol {
			r.change(func() { r.asked = way })
			return []protocol{fake{r, "upnp"}, fake{r, "nat-pmp"}}
		}
		m.SetPorts(ports)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		synctest.Wait()
		test(r, m)
		stop()
		start := time.Now()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if took := time.Since(start); took > leaveIn {
			t.Errorf("to end took %v", took)
		}
		if len(r.table) != 0 && !r.silent {
			t.Errorf("the router was left with %v", r.table)
		}
		if state := m.State(); state.Working || len(m.Mappings()) > 0 {
			t.Errorf("at the end: %+v, %v", state, m.Mappings())
		}
	})
}

// has fails the test if the mappings are others than these.
func has(t *testing.T, m *Mapper, want ...string) {
	t.Helper()
	var got []string
	for _, p := range m.Mappings() {
		if !time.Now().Before(p.Until) {
			t.Errorf("%v has ended", p)
		}
		got = append(got, p.Network+" "+p.Outside.String()+" "+p.By)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("mapped: %q, want %q", got, want)
	}
}
