package session

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"golang.org/x/time/rate"

	"kith/seal"
)

const (
	admitFor    = 30 * time.Second // how long after a knock its address may handshake
	maxAdmitted = 1024             // addresses
	stunHeader  = 20
	stunCookie  = 0x2112A442
	longHeader  = 0x80 // RFC 9000 section 17.2
	fixedBit    = 0x40
)

// A packetKind is what a datagram looks like from its first bytes (RFC 9443).
type packetKind int

const (
	packetOther packetKind = iota
	packetSTUN
	packetLong  // QUIC that may begin a connection
	packetShort // QUIC of a connection that exists, or noise
)

// classify sorts a datagram by its first bytes.
func classify(p []byte) packetKind {
	switch {
	case len(p) == 0:
		return packetOther
	case p[0]&longHeader != 0:
		return packetLong
	case p[0]&fixedBit != 0:
		return packetShort
	case len(p) >= stunHeader && binary.BigEndian.Uint32(p[4:]) == stunCookie &&
		int(binary.BigEndian.Uint16(p[2:])) == len(p)-stunHeader:
		return packetSTUN
	}
	return packetOther
}

// A guard decides what of the incoming datagrams QUIC sees. It answers knocks
// at the doors and the checks of offerings, and takes the answers to ours.
type guard struct {
	now     func() time.Time
	limiter *rate.Limiter // of knocks looked at

	mu        sync.Mutex // guards all below
	doors     []Door
	keys      *seal.Doors // of doors, in the same order
	admitted  map[netip.AddrPort]*admission
	seen      memory                  // of knocks that were answered
	asked     map[stunID]*transaction // our own questions, waiting for an answer
	offerings map[string]*Offering    // that are open, by their ufrag
	mapped    []sighting              // our addresses as others see them, newest first
}

type stunID = [stun.TransactionIDSize]byte

// An admission lets one address begin connections.
type admission struct {
	until time.Time
	lanes bool // for a link with it
	entry
}

// An entry says by what an address was admitted. It is empty if we knocked
// there and it only has to answer, or if there is a link with it that may get
// lanes.
type entry struct {
	doors    []Door    // where it knocked, latest first
	offering *Offering // of a check that was answered, if that was after its last knock
}

func newGuard() *guard {
	return &guard{
		now:       time.Now,
		limiter:   rate.NewLimiter(knockRate, knockBurst),
		keys:      seal.NewDoors(nil),
		admitted:  make(map[netip.AddrPort]*admission),
		asked:     make(map[stunID]*transaction),
		offerings: make(map[string]*Offering),
	}
}

// judge decides about one datagram that came to the endpoint's port: whether
// QUIC may see it, and what to answer, if anything. It runs for every packet,
// so a short header costs nothing.
func (g *guard) judge(p []byte, from netip.AddrPort) (pass bool, answer []byte) {
	switch classify(p) {
	case packetShort:
		return true, nil
	case packetLong:
		g.mu.Lock()
		defer g.mu.Unlock()
		a := g.admitted[from]
		return a != nil && g.now().Before(a.until), nil
	case packetSTUN:
		return false, g.stun(nil, p, from)
	}
	return false, nil
}

// stun handles a knock, a check, or an answer to one of ours. via is the leg by
// which it came, nil for the endpoint's port.
func (g *guard) stun(via *leg, p []byte, from netip.AddrPort) (answer []byte) {
	var m stun.Message
	if stun.Decode(p, &m) != nil {
		return nil
	}
	switch m.Type {
	case stun.BindingRequest:
		return g.requested(via, &m, from)
	case stun.BindingSuccess:
		g.answered(via, &m, from)
	}
	return nil
}

// requested answers a check of an open offering, or a knock at one of the
// doors, and nothing else.
func (g *guard) requested(via *leg, m *stun.Message, from netip.AddrPort) []byte {
	if g.echoed(m) || stun.Fingerprint.Check(m) != nil {
		return nil
	}
	username, err := m.Get(stun.AttrUsername)
	if err != nil {
		return nil
	}
	if own, other, ok := bytes.Cut(username, []byte{':'}); ok {
		g.mu.Lock()
		o := g.offerings[string(own)]
		g.mu.Unlock()
		if o != nil {
			return g.checked(o, via, m, string(other), from)
		}
	}
	if via != nil || len(username) != usernameSize {
		return nil
	}
	return g.knocked(m, username, from)
}

// checked answers a check of an offering.
func (g *guard) checked(o *Offering, via *leg, m *stun.Message, other string, from netip.AddrPort) []byte {
	if !o.limiter.AllowN(g.now(), 1) || o.integrity.Check(m) != nil || !o.heard(via, m, other, from) {
		return nil
	}
	if via == nil {
		g.mu.Lock()
		g.admitLocked(from).offering = o
		g.mu.Unlock()
	}
	return binding(m, from, o.integrity)
}

// binding makes the answer to a request.
func binding(m *stun.Message, from netip.AddrPort, integrity stun.MessageIntegrity) []byte {
	reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())},
		integrity, stun.Fingerprint)
	if err != nil {
		return nil
	}
	return reply.Raw
}

// register lets an offering be checked.
func (g *guard) register(o *Offering) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.offerings[o.ufrag] = o
}

// unregister ends that, and gives up its questions. Whoever came by it may
// still complete a handshake.
func (g *guard) unregister(o *Offering, asked []stunID) {
	g.mu.Lock()
	delete(g.offerings, o.ufrag)
	g.mu.Unlock()
	g.forget(asked...)
}

// grant opens the port to an address with which there is a link, for its lanes.
func (g *guard) grant(from netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admitLocked(from).lanes = true
}

// granted reports whether lanes may come from an address.
func (g *guard) granted(from netip.AddrPort) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.admitted[from]
	return a != nil && a.lanes && g.now().Before(a.until)
}

// admitLocked opens the port to an address that knocked, checked or answered.
func (g *guard) admitLocked(from netip.AddrPort) *admission {
	now := g.now()
	a := g.admitted[from]
	if a == nil {
		g.makeRoomLocked(now)
		a = new(admission)
		g.admitted[from] = a
	}
	a.until = now.Add(admitFor)
	return a
}

// makeRoomLocked forgets what has run out, and if that is not enough the
// oldest.
func (g *guard) makeRoomLocked(now time.Time) {
	if len(g.admitted) < maxAdmitted {
		return
	}
	var oldest netip.AddrPort
	for addr, a := range g.admitted {
		if !now.Before(a.until) {
			delete(g.admitted, addr)
		} else if o := g.admitted[oldest]; o == nil || a.until.Before(o.until) {
			oldest = addr
		}
	}
	if len(g.admitted) >= maxAdmitted {
		delete(g.admitted, oldest)
	}
}

// entryOf says by what an address was admitted.
func (g *guard) entryOf(from netip.AddrPort) entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.admitted[from]
	if a == nil {
		return entry{}
	}
	return entry{slices.Clone(a.doors), a.offering}
}
