package session

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"

	"kith"
	"kith/link"
)

// maxDial is how many addresses one dial knocks at.
const maxDial = 32

// Dial makes a link to whoever opens the door at one of the addresses. It
// knocks at all of them until ctx ends. way is told in the link's path. The
// error is of kind kith.Unreachable if nobody answers, and kith.BadPeer if
// somebody else does than the door's account.
func (e *Endpoint) Dial(ctx context.Context, door Door, addrs []netip.AddrPort, way string) (link.Link, error) {
	select {
	case <-e.done:
		return nil, errClosed()
	default:
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answers, tried := e.knock(ctx, door, addrs)
	if tried == 0 {
		return nil, kith.Errorf(kith.Unreachable, "there is no address to try")
	}
	var last error
	for range tried {
		var addr netip.AddrPort
		select {
		case addr = <-answers:
		case <-e.done:
			return nil, errClosed()
		case <-ctx.Done():
			if last != nil {
				return nil, last
			}
			return nil, kith.Errorf(kith.Unreachable, "nobody answers at %s: %w", list(addrs), context.Cause(ctx))
		}
		l, err := e.handshake(ctx, addr, door, way)
		if err == nil {
			return l, nil
		}
		e.log.Debug("dial failed", "addr", addr, "err", err)
		last = err
	}
	return nil, last
}

// list names addresses in an error, but not too many.
func list(addrs []netip.AddrPort) string {
	const most = 4
	s := ""
	for i, a := range addrs {
		if i == most {
			return s + ", …"
		}
		if i > 0 {
			s += ", "
		}
		s += a.String()
	}
	return s
}

// knock knocks at the addresses, except those of this endpoint, until ctx
// ends. answers gives each that opened, tried says how many there are.
func (e *Endpoint) knock(ctx context.Context, door Door, addrs []netip.AddrPort) (answers <-chan netip.AddrPort, tried int) {
	own := e.ownAddresses()
	var todo []netip.AddrPort
	for _, a := range addrs {
		a = plain(a)
		if a.IsValid() && a.Port() != 0 && !a.Addr().IsMulticast() && e.branchFor(a.Addr()) != nil &&
			!slices.Contains(own, a) && !slices.Contains(todo, a) && len(todo) < maxDial {
			todo = append(todo, a)
		}
	}
	opened := make(chan netip.AddrPort, len(todo))
	for _, to := range todo {
		go e.knockAt(ctx, door, to, opened)
	}
	return opened, len(todo)
}

// knockAt knocks at one address until it opens or ctx ends.
func (e *Endpoint) knockAt(ctx context.Context, door Door, to netip.AddrPort, opened chan<- netip.AddrPort) {
	integrity := stun.MessageIntegrity(door.Key.Integrity[:])
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.RawAttribute{Type: stun.AttrUsername, Value: door.Key.Username()},
		integrity, stun.Fingerprint)
	if err != nil {
		return // cannot happen: all sizes are fixed
	}
	answered := make(chan struct{})
	e.guard.ask(m.TransactionID, &transaction{to: to, key: integrity, done: func(netip.AddrPort) { close(answered) }})
	defer e.guard.forget(m.TransactionID)
	if e.repeat(ctx, m.Raw, to, answered) == nil {
		opened <- to // has room for all
	}
}

// handshake makes a link to an address that opened its door.
func (e *Endpoint) handshake(ctx context.Context, addr netip.AddrPort, door Door, way string) (link.Link, error) {
	branch := e.branchFor(addr.Addr())
	conn, err := branch.transport.Dial(ctx, net.UDPAddrFromAddrPort(addr), e.tls, quicConfig())
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "%v opens but does not complete a link: %w", addr, err)
	}
	l, err := e.newLink(conn, branch.transport, true, link.Path{Way: way, Kind: "direct"}, nil)
	if err != nil {
		return nil, err
	}
	if !door.Account.IsZero() && l.peer.Account != door.Account {
		l.Close(link.Violation)
		return nil, kith.Errorf(kith.BadPeer, "at %v is somebody else, the account %s instead of %s", addr, l.peer.Account.Short(), door.Account.Short())
	}
	return l, nil
}
