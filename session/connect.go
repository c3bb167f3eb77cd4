package session

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/seal"
	"kith/wire"
)

const (
	// A path that is not direct, though direct ones are being tried, waits
	// for as long as its own round trip takes, within these bounds.
	graceLeast   = 30 * time.Millisecond
	graceUnknown = 50 * time.Millisecond // without an answer to measure
	graceMost    = 150 * time.Millisecond
	// A handshake that does not come to its end gives way to another pair.
	pairPatience = 1500 * time.Millisecond
	pairRetry    = 500 * time.Millisecond
	lingerTime   = 200 * time.Millisecond
)

// Connect makes the link, once, and ends the offering either way. Whoever made
// the offer passes the answer, whoever answered passes nil and waits. Both ends
// of the link check that the device is the one that wrote the other half. It
// begins with the candidates that are known and takes more as they come, until
// ctx ends. An error is of kind kith.Invalid if the answer is for another
// offer, of kind kith.Unreachable if no path is found until ctx ends or the
// offer runs out, and of kind kith.BadPeer if another device is at the end of
// the path.
func (o *Offering) Connect(ctx context.Context, remote *wire.Offer) (link.Link, error) {
	if err := o.begin(&remote); err != nil {
		return nil, err
	}
	l, err := o.connect(ctx, remote)
	if cause := context.Cause(o.ctx); err != nil && cause != nil && kith.KindOf(err) == kith.Unreachable {
		err = cause // that is why nothing came
	}
	o.Close()
	if err != nil {
		return nil, err
	}
	return l, nil
}

// begin checks that the halves fit and that it is the first time.
func (o *Offering) begin(remote **wire.Offer) error {
	switch {
	case o.answer:
		*remote = o.offer
	case *remote == nil:
		return kith.Errorf(kith.Invalid, "the answer is missing")
	case !(*remote).Answer:
		return kith.Errorf(kith.Invalid, "this is an offer and not the answer: send it back")
	case (*remote).ID != o.local.ID:
		return kith.Errorf(kith.Invalid, "this answers another offer: answer the latest one")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.started {
		return kith.Errorf(kith.Conflict, "this offer was used already: make a new one")
	}
	o.started = true
	return context.Cause(o.ctx)
}

func (o *Offering) connect(ctx context.Context, remote *wire.Offer) (link.Link, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(o.ctx, stop)()

	o.mu.Lock()
	o.peer = credentials{remote.Ufrag, stun.NewShortTermIntegrity(remote.Pwd)}
	for _, c := range remote.Candidates {
		o.addRemoteLocked(c)
	}
	o.mu.Unlock()
	go o.check(ctx)
	if !o.ice.RelayOnly { // a connection would tell where we are
		go o.startStreams(ctx)
	}

	find := o.dial
	if o.answer {
		find = o.wait
	}
	conn, by, err := find(ctx)
	if err != nil {
		return nil, err
	}
	return o.link(conn, by, remote.Device)
}

// link makes the link of a connection, and lets it keep its leg.
func (o *Offering) link(conn *quic.Conn, by *leg, device kith.DeviceID) (link.Link, error) {
	path := o.path(by, conn.RemoteAddr())
	o.mu.Lock()
	var release func()
	for i, l := range o.legs {
		if l == by && l.close != nil {
			release = func() { o.endpoint.linger(l.close) }
			o.legs = append(o.legs[:i:i], o.legs[i+1:]...)
			break
		}
	}
	o.mu.Unlock()
	var over *quic.Transport
	if by != nil {
		over = by.quic
	}
	l, err := o.endpoint.newLink(conn, over, !o.answer, path, release)
	if err != nil {
		if release != nil {
			release()
		}
		return nil, err
	}
	if l.peer.Device != device {
		l.Close(link.Violation)
		return nil, kith.Errorf(kith.BadPeer, "at the end of the path is the device %s instead of %s, which wrote the line", l.peer.Device.Short(), device.Short())
	}
	return l, nil
}

// linger frees what carried a link when the link's last packet, which nobody
// acknowledges, has had its time to go before.
func (e *Endpoint) linger(free func()) {
	timer := time.NewTimer(lingerTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.done:
	}
	free()
}

// dial makes the connection as soon as there is a path, and takes another one
// if that fails.
func (o *Offering) dial(ctx context.Context) (*quic.Conn, *leg, error) {
	last := error(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p, wait, others := o.choose(time.Now())
		if p == nil || wait > 0 {
			timer.Reset(wait)
			select {
			case <-o.ready:
			case <-timer.C:
			case <-ctx.Done():
				if last != nil {
					return nil, nil, kith.Errorf(kith.Unreachable, "there is a path but the other side does not complete a link: %w", last)
				}
				return nil, nil, kith.Errorf(kith.Unreachable, "no path to the other side was found; a TURN server would make one: %w", context.Cause(ctx))
			}
			continue
		}
		patience := handshakeTimeout
		if others {
			patience = pairPatience
		}
		// The other side lets in whoever checked it. If our answer to its
		// check is lost, this one may still come before the handshake.
		o.sendCheck(p)
		attempt, stop := context.WithTimeout(ctx, patience)
		conn, err := p.leg.quic.Dial(attempt, net.UDPAddrFromAddrPort(p.remote), o.endpoint.tls, quicConfig())
		stop()
		if err == nil {
			return conn, p.leg, nil
		}
		o.endpoint.log.Debug("a path of an offer does not serve", "remote", p.remote, "err", err)
		last = err
		o.mu.Lock()
		p.failed++
		p.retry = time.Now().Add(pairRetry)
		o.mu.Unlock()
	}
}

// choose takes the best pair that can be used. wait is how long to wait for a
// better one, or without a pair for any; others tells whether there are more.
func (o *Offering) choose(now time.Time) (best *pair, wait time.Duration, others bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait = checkLate
	for _, p := range o.pairs {
		switch {
		case p.readyAt(now).IsZero():
		case now.Before(p.retry):
			wait = min(wait, p.retry.Sub(now))
		default:
			others = others || best != nil
			if p.better(best, now) {
				best = p
			}
		}
	}
	if best == nil {
		return nil, wait, false
	}
	if best.class() == classDirect || o.directSince.IsZero() {
		return best, 0, others
	}
	grace := graceUnknown
	if best.rtt > 0 {
		grace = min(max(best.rtt, graceLeast), graceMost)
	}
	until := o.directSince.Add(grace)
	if most := best.readyAt(now).Add(graceMost); until.After(most) {
		until = most
	}
	return best, until.Sub(now), others
}

// directLocked reports whether UDP leads to the other side without a relay.
func (o *Offering) directLocked() bool {
	now := time.Now()
	for _, p := range o.pairs {
		if p.class() == classDirect && !p.readyAt(now).IsZero() {
			return true
		}
	}
	return false
}

// wait waits for the other side to make the connection.
func (o *Offering) wait(ctx context.Context) (*quic.Conn, *leg, error) {
	select {
	case a := <-o.arrivals:
		return a.conn, a.leg, nil
	case <-ctx.Done():
		return nil, nil, kith.Errorf(kith.Unreachable, "the other side did not connect: it has to paste the answer within %.0f minutes: %w", offerLife.Minutes(), context.Cause(ctx))
	}
}

// acceptFrom takes the connections that come by a leg of an answer: the one
// that makes the link, and its lanes.
func (o *Offering) acceptFrom(l *leg) {
	for {
		conn, err := l.accept(context.Background())
		if err != nil {
			return // closed
		}
		if isLane(conn) {
			o.endpoint.laneArrived(conn)
		} else if !o.arrived(conn, l) {
			refuse(conn)
		}
	}
}

// arrived takes a connection that the other side made, if it is the first and
// from the device that wrote the offer.
func (o *Offering) arrived(conn *quic.Conn, by *leg) bool {
	peer, err := seal.PeerOf(conn.ConnectionState().TLS)
	if err != nil || !o.answer || peer.Device != o.offer.Device {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.taken {
		return false
	}
	o.taken = true
	o.arrivals <- arrival{conn, by}
	return true
}

// refuse turns a connection away that is one too many.
func refuse(conn *quic.Conn) { closeConn(conn, link.Replaced) }

// path describes how a connection runs.
func (o *Offering) path(by *leg, remote net.Addr) link.Path {
	p := link.Path{Way: o.Way, Kind: link.Direct}
	if by != nil && by.relayed {
		p.Kind = link.Relayed
	}
	var at netip.AddrPort
	if udp, ok := remote.(*net.UDPAddr); ok {
		at = plain(udp.AddrPort())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, pair := range o.pairs {
		if key.remote == at && pair.far {
			p.Kind = link.Relayed
		}
	}
	for _, c := range o.remotes {
		if c.Addr == at && c.Type == wire.CandidateRelay {
			p.Kind = link.Relayed
		}
	}
	if by != nil && by.close != nil {
		p.Local, p.Remote = by.local.String(), at.String()
	}
	return p
}
