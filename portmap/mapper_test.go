package portmap

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheFirstThatWorksIsKept(t *testing.T) {
	mapping(t, []Port{udp, tcp}, func(r *router, m *Mapper) {
		has(t, m, "udp 203.0.113.5:4711 nat-pmp", "tcp 203.0.113.5:4712 nat-pmp")
		if s := m.State(); s != (State{true, "Your router maps UDP port 4711 to 203.0.113.5:4711 and TCP port 4712 to 203.0.113.5:4712 (NAT-PMP)."}) {
			t.Errorf("the state is %+v", s)
		}
		select {
		case <-m.Changed():
		default:
			t.Error("nobody was told")
		}
	})
}

func TestTheNextIsTriedWhenOneRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mappingRefused := errors.New("not authorized")
		r := &router{outside: public, table: map[Port]uint16{}, refuses: map[string]error{"nat-pmp": mappingRefused}}
		m := New(Options{})
		m.find = func() (route, error) { return route{}, nil }
		m.ask = func(route) []protocol { return []protocol{fake{r, "nat-pmp"}, fake{r, "upnp"}} }
		m.SetPorts([]Port{udp})
		ctx, stop := context.WithCancel(t.Context())
		go m.Run(ctx)
		synctest.Wait()
		has(t, m, "udp 203.0.113.5:4711 upnp")
		stop()
	})
}

func TestMappingsAreRenewedAtHalf(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		if r.count() != 1 {
			t.Fatalf("asked %d times", r.count())
		}
		time.Sleep(lifetime/2 - time.Second)
		synctest.Wait()
		if r.count() != 1 {
			t.Errorf("renewed too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r.count() != 2 {
			t.Errorf("at half of the lifetime, asked %d times", r.count())
		}
		time.Sleep(10 * lifetime)
		synctest.Wait()
		if r.count() != 22 {
			t.Errorf("after 10 lifetimes, asked %d times", r.count())
		}
		has(t, m, "udp 203.0.113.5:4711 nat-pmp")
	})
}

// TestAnAbsurdLifetime: a hostile router must not keep us busy, nor be trusted
// for years.
func TestAnAbsurdLifetime(t *testing.T) {
	for _, lifetime := range []time.Duration{time.Nanosecond, 1 << 32 * time.Second} {
		mapping(t, []Port{udp}, func(r *router, m *Mapper) {
			r.change(func() { r.grants, r.born = lifetime, time.Now() })
			time.Sleep(26 * time.Hour)
			synctest.Wait()
			if adds, least, most := r.count(), 2, 1+int(26*time.Hour/(minLifetime/2)); adds < least || adds > most {
				t.Errorf("of a lifetime of %v, asked %d times in 26 hours", lifetime, adds)
			}
		})
	}
}

func TestANewOutsideAddress(t *testing.T) {
	mapping(t, []Port{udp, tcp}, func(r *router, m *Mapper) {
		<-m.Changed()
		r.change(func() { r.outside = public2 })
		time.Sleep(lookEvery)
		synctest.Wait()
		has(t, m, "udp 203.0.113.6:4711 nat-pmp", "tcp 203.0.113.6:4712 nat-pmp")
		<-m.Changed()
		r.change(func() { r.outside = netip.MustParseAddr("100.64.3.4") })
		time.Sleep(lookEvery)
		synctest.Wait()
		has(t, m, "udp 100.64.3.4:4711 nat-pmp", "tcp 100.64.3.4:4712 nat-pmp")
		if s := m.State(); s.Working || !strings.Contains(s.Reason, "100.64.3.4") {
			t.Errorf("behind a carrier's NAT the state is %+v", s)
		}
	})
}

func TestARouterThatForgets(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		r.change(func() { clear(r.table); r.born = time.Now() })
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		if r.size() != 1 {
			t.Error("after its reboot the router was not asked again")
		}
	})
}

func TestARouterThatGoesAndComes(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		r.change(func() { r.silent = true; clear(r.table) })
		time.Sleep(lookEvery + maxTries*(lookAgain+callWithin))
		synctest.Wait()
		has(t, m)
		if s := m.State(); s.Working {
			t.Errorf("the router is gone, and the state is %+v", s)
		}
		r.change(func() { r.silent, r.born = false, time.Now() })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		has(t, m, "udp 203.0.113.5:4711 nat-pmp")
	})
}

func TestOneLostAnswerChangesNothing(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		<-m.Changed()
		time.Sleep(lookEvery - time.Second)
		synctest.Wait()
		r.change(func() { r.silent = true })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		r.change(func() { r.silent = false })
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case <-m.Changed():
			t.Errorf("something changed: %+v", m.State())
		default:
		}
	})
}

func TestASilentRouterDoesNotHoldUpTheEnd(t *testing.T) {
	mapping(t, []Port{udp, tcp}, func(r *router, m *Mapper) {
		r.change(func() { r.silent = true })
	})
}

func TestNoRouterThatMaps(t *testing.T) {
	mapping(t, nil, func(r *router, m *Mapper) {
		r.change(func() { r.silent = true })
		m.SetPorts([]Port{udp})
		time.Sleep(callWithin)
		synctest.Wait()
		if s := m.State(); s != (State{Reason: reasonNone}) {
			t.Errorf("the state is %+v", s)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		r.change(func() { r.silent = false })
		m.NetworkChanged()
		synctest.Wait()
		has(t, m, "udp 203.0.113.5:4711 nat-pmp")
	})
}

func TestAnotherNetwork(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		adds := r.count()
		m.NetworkChanged() // and nothing did
		synctest.Wait()
		if r.count() != adds {
			t.Error("a mapping was asked for again for nothing")
		}
		r.change(func() { r.way = route{} })
		m.NetworkChanged()
		synctest.Wait()
		has(t, m)
		if s := m.State(); s.Reason != reasonNoRoute {
			t.Errorf("without a network the state is %+v", s)
		}
		r.change(func() {
			r.way = route{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.7")}
			r.outside, r.refuses["nat-pmp"] = public2, errors.New("unsupported")
		})
		m.NetworkChanged()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		has(t, m)
		time.Sleep(time.Second) // one to look and one to add
		synctest.Wait()
		has(t, m, "udp 203.0.113.6:4711 upnp")
		r.change(func() { r.way.gateway = netip.MustParseAddr("10.0.0.2") })
		m.NetworkChanged()
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		has(t, m, "udp 203.0.113.6:4711 upnp")
		if r.asked != r.way {
			t.Errorf("asked was %v, not %v", r.asked, r.way)
		}
	})
}

func TestPortsComeAndGo(t *testing.T) {
	mapping(t, []Port{udp}, func(r *router, m *Mapper) {
		m.SetPorts([]Port{tcp, {"sctp", 1}, {"udp", 0}, tcp})
		synctest.Wait()
		has(t, m, "tcp 203.0.113.5:4712 nat-pmp")
		if r.size() != 1 {
			t.Errorf("the router maps %d ports", r.size())
		}
		m.SetPorts(nil)
		synctest.Wait()
		has(t, m)
		var many []Port
		for i := range uint16(100) {
			many = append(many, Port{"udp", 5000 + i})
		}
		m.SetPorts(many)
		synctest.Wait()
		if r.size() != maxPorts {
			t.Errorf("of 100 ports %d were mapped", r.size())
		}
	})
}

func TestWords(t *testing.T) {
	at := func(outside string, ports ...Port) (all []Mapping) {
		for _, p := range ports {
			all = append(all, Mapping{p.Network, p.Port, netip.AddrPortFrom(netip.MustParseAddr(outside), p.Port), "pcp", time.Time{}})
		}
		return all
	}
	for _, c := range []struct {
		mappings []Mapping
		working  bool
		says     string
	}{
		{nil, false, "Your router does not map ports; most connections work all the same."},
		{at("203.0.113.5", udp), true, "Your router maps port 4711 to 203.0.113.5:4711 (PCP)."},
		{at("203.0.113.5", udp, tcp, Port{"udp", 3}, Port{"udp", 4}, Port{"udp", 5}), true, "and 2 more (PCP)."},
		{at("100.127.0.1", udp), false, "carrier-grade NAT"},
		{at("192.168.2.1", udp), false, "second router"},
		{at("192.0.0.2", udp), false, "carrier-grade NAT"},
	} {
		if s := describe(c.mappings); s.Working != c.working || !strings.Contains(s.Reason, c.says) {
			t.Errorf("%v: %+v, want %v, %q", c.mappings, s, c.working, c.says)
		}
	}
}
