package session

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v4"

	"kith"
)

// A NATMapping says what stands between the endpoint's port and others, in one
// address family (RFC 4787 section 4.1).
type NATMapping int

// The kinds of mapping.
const (
	NATUnknown             NATMapping = iota // nobody could be asked
	NATSilent                                // nobody answered: UDP is blocked, or the family is not connected
	NATNone                                  // others see an address of this machine
	NATSome                                  // they don't, but only one answered, so no more is known
	NATEndpointIndependent                   // all see the same address: direct links are possible
	NATAddressDependent                      // each sees another ("symmetric"): direct links only with those who have none
)

// A Hairpin says whether the NAT leads what is sent to our address outside
// back to us, as two devices behind the same NAT may need.
type Hairpin int

// The answers.
const (
	HairpinUnknown Hairpin = iota // there is no NAT, or it is not known
	HairpinYes
	HairpinNo
)

// A NATReport says how the endpoint's port is seen from outside.
type NATReport struct {
	IPv4, IPv6 NATMapping
	Mapped     []netip.AddrPort // as STUN servers saw us, each once
	Hairpin    Hairpin          // for IPv4
	RTT        time.Duration    // of the quickest answer; 0 without any
}

const (
	natPatience     = 3 * time.Second // for STUN servers
	hairpinPatience = time.Second
	maxMirrors      = 8 // addresses that are asked
)

// NAT finds out how the endpoint's port is seen from outside, by asking STUN
// servers, as stun:host:port, from that port; with none, those of SetICE. Two
// servers, or one with two addresses, are needed to tell the kinds of NAT
// apart. It takes up to 5 seconds. An error is of kind kith.Invalid for an
// address that is none, and kith.Unreachable if no server has one.
func (e *Endpoint) NAT(ctx context.Context, servers []string) (NATReport, error) {
	mirrors, err := e.mirrors(ctx, servers)
	if err != nil {
		return NATReport{}, err
	}
	asking, stop := context.WithTimeout(ctx, natPatience)
	defer stop()
	var (
		report NATReport
		seen   = make(map[netip.AddrPort]netip.AddrPort) // by mirror
		mu     sync.Mutex                                // guards report and seen
		wg     sync.WaitGroup
	)
	for _, to := range mirrors {
		wg.Go(func() {
			mapped, rtt, err := e.ask(asking, to)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[to] = mapped
			if report.RTT == 0 || rtt < report.RTT {
				report.RTT = rtt
			}
			if !slices.Contains(report.Mapped, mapped) {
				report.Mapped = append(report.Mapped, mapped)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return NATReport{}, err
	}
	own := e.ownAddresses()
	report.IPv4 = mappingOf(netip.Addr.Is4, mirrors, seen, own)
	report.IPv6 = mappingOf(netip.Addr.Is6, mirrors, seen, own)
	if report.IPv4 >= NATSome {
		report.Hairpin = e.hairpin(ctx, report.Mapped)
	}
	slices.SortFunc(report.Mapped, netip.AddrPort.Compare)
	return report, nil
}

// mirrors finds the addresses of STUN servers.
func (e *Endpoint) mirrors(ctx context.Context, urls []string) (found []netip.AddrPort, err error) {
	e.mu.Lock()
	cfg := e.ice
	e.mu.Unlock()
	if len(urls) > 0 {
		cfg = ICEConfig{}
		for _, u := range urls {
			// Nobody is asked for a relay, so any name will do for TURN.
			cfg.Servers = append(cfg.Servers, ICEServer{URL: u, Username: "-", Password: "-"})
		}
	}
	list, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.network != "udp" {
			continue
		}
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
		if err != nil {
			e.log.Debug("a STUN server has no address", "server", s, "err", err)
		}
		for _, a := range addrs {
			to := netip.AddrPortFrom(a.Unmap(), s.port)
			if e.branchFor(to.Addr()) != nil && !slices.Contains(found, to) && len(found) < maxMirrors {
				found = append(found, to)
			}
		}
	}
	if len(found) == 0 {
		return nil, kith.Errorf(kith.Unreachable, "there is no STUN server to ask: name one, such as stun:stun.example.org:3478")
	}
	return found, nil
}

// mappingOf judges what the mirrors of one family saw.
func mappingOf(family func(netip.Addr) bool, mirrors []netip.AddrPort, seen map[netip.AddrPort]netip.AddrPort, own []netip.AddrPort) NATMapping {
	kind := NATUnknown
	answers := 0
	var first netip.AddrPort
	for _, to := range mirrors {
		if !family(to.Addr()) {
			continue
		}
		mapped, ok := seen[to]
		if !ok {
			kind = max(kind, NATSilent)
			continue
		}
		answers++
		switch {
		case answers == 1:
			first = mapped
			kind = NATSome
			if slices.Contains(own, mapped) {
				kind = NATNone
			}
		case mapped != first:
			return NATAddressDependent
		case kind == NATSome:
			kind = NATEndpointIndependent
		}
	}
	return kind
}

// hairpin sends a request to our own address outside. The guard takes it for
// an answer when it comes back.
func (e *Endpoint) hairpin(ctx context.Context, mapped []netip.AddrPort) Hairpin {
	i := slices.IndexFunc(mapped, func(a netip.AddrPort) bool { return a.Addr().Is4() })
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if i < 0 || err != nil {
		return HairpinUnknown
	}
	ctx, stop := context.WithTimeout(ctx, hairpinPatience)
	defer stop()
	back := make(chan struct{})
	e.guard.ask(m.TransactionID, &transaction{to: mapped[i], hairpin: true, done: func(netip.AddrPort) { close(back) }})
	defer e.guard.forget(m.TransactionID)
	if e.repeat(ctx, m.Raw, mapped[i], back) != nil {
		return HairpinNo
	}
	return HairpinYes
}
