package session

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"golang.org/x/time/rate"

	"kith"
	"kith/seal"
)

// A Door is one way in. Key is shared with those who may come, Account is who
// that is; zero stands for anybody, as with an invitation.
type Door struct {
	Key     seal.DoorKey
	Account kith.AccountID
}

const (
	admitFor     = 30 * time.Second // how long after a knock its address may handshake
	maxAdmitted  = 1024             // addresses
	maxEntries   = 4                // doors that one address may have knocked at
	maxSeen      = 4096             // knocks remembered against replay
	maxMapped    = 8                // addresses of ours that others told
	knockRate    = 500              // knocks looked at in a second, in total
	knockBurst   = 500
	stunHeader   = 20
	stunCookie   = 0x2112A442
	longHeader   = 0x80 // RFC 9000 section 17.2
	fixedBit     = 0x40
	usernameSize = seal.UsernameSize
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

// A guard stands at the door: it decides what of the incoming datagrams QUIC
// sees, and answers knocks.
type guard struct {
	now     func() time.Time
	limiter *rate.Limiter // of knocks looked at

	mu       sync.Mutex // guards all below
	doors    []Door
	keys     *seal.Doors // of doors, in the same order
	admitted map[netip.AddrPort]*admission
	seen     map[[usernameSize]byte]netip.AddrPort // source of each knock that was answered
	order    [][usernameSize]byte                  // of seen, oldest first
	knocks   map[stunID]*knock                     // our own, waiting for an answer
	mapped   []netip.AddrPort                      // our addresses as others see them, newest first
}

type stunID = [stun.TransactionIDSize]byte

// An admission lets one address begin connections.
type admission struct {
	until time.Time
	// doors are where it knocked, latest first; none if we knocked there and
	// it only has to answer.
	doors []Door
}

// A knock is one of ours that waits for its answer.
type knock struct {
	key      stun.MessageIntegrity
	to       netip.AddrPort
	answered func() // called once, with the guard locked; must not block
}

func newGuard() *guard {
	return &guard{
		now:      time.Now,
		limiter:  rate.NewLimiter(knockRate, knockBurst),
		keys:     seal.NewDoors(nil),
		admitted: make(map[netip.AddrPort]*admission),
		seen:     make(map[[usernameSize]byte]netip.AddrPort),
		knocks:   make(map[stunID]*knock),
	}
}

// judge decides about one datagram: whether QUIC may see it, and what to
// answer, if anything. It runs for every packet, so a short header costs
// nothing.
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
		return false, g.stun(p, from)
	}
	return false, nil
}

// stun handles a knock, or an answer to one of ours.
func (g *guard) stun(p []byte, from netip.AddrPort) (answer []byte) {
	var m stun.Message
	if stun.Decode(p, &m) != nil || stun.Fingerprint.Check(&m) != nil {
		return nil
	}
	switch m.Type {
	case stun.BindingRequest:
		return g.knocked(&m, from)
	case stun.BindingSuccess:
		g.opened(&m, from)
	}
	return nil
}

// knocked answers a knock at one of the doors, and nothing else.
func (g *guard) knocked(m *stun.Message, from netip.AddrPort) []byte {
	username, err := m.Get(stun.AttrUsername)
	if err != nil || len(username) != usernameSize || !g.limiter.AllowN(g.now(), 1) {
		return nil
	}
	nonce := [usernameSize]byte(username)

	g.mu.Lock()
	defer g.mu.Unlock()
	index, ok := g.keys.Find(username)
	if !ok {
		return nil
	}
	door := g.doors[index]
	integrity := stun.MessageIntegrity(door.Key.Integrity[:])
	if integrity.Check(m) != nil {
		return nil
	}
	if first, again := g.seen[nonce]; again && first != from {
		return nil // overheard, and sent by somebody else
	} else if !again {
		g.rememberLocked(nonce, from)
	}
	reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())},
		integrity, stun.Fingerprint)
	if err != nil {
		return nil
	}
	g.admitLocked(from, door)
	return reply.Raw
}

func (g *guard) rememberLocked(nonce [usernameSize]byte, from netip.AddrPort) {
	if len(g.order) >= maxSeen {
		delete(g.seen, g.order[0])
		g.order = g.order[1:]
	}
	g.seen[nonce] = from
	g.order = append(g.order, nonce)
}

// opened takes the answer to a knock of ours.
func (g *guard) opened(m *stun.Message, from netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.knocks[m.TransactionID]
	if k == nil || k.to != from || k.key.Check(m) != nil {
		return
	}
	delete(g.knocks, m.TransactionID)
	var mapped stun.XORMappedAddress
	if mapped.GetFrom(m) == nil {
		if addr, ok := netip.AddrFromSlice(mapped.IP); ok {
			g.mappedLocked(netip.AddrPortFrom(addr.Unmap(), uint16(mapped.Port)))
		}
	}
	g.admitLocked(from)
	k.answered()
}

func (g *guard) mappedLocked(addr netip.AddrPort) {
	g.mapped = slices.DeleteFunc(g.mapped, func(a netip.AddrPort) bool { return a == addr })
	g.mapped = slices.Insert(g.mapped, 0, addr)
	g.mapped = g.mapped[:min(len(g.mapped), maxMapped)]
}

// admitLocked opens the port to an address that knocked at the doors, or that
// answered.
func (g *guard) admitLocked(from netip.AddrPort, doors ...Door) {
	now := g.now()
	a := g.admitted[from]
	if a == nil {
		g.makeRoomLocked(now)
		a = new(admission)
		g.admitted[from] = a
	}
	a.until = now.Add(admitFor)
	for _, d := range doors {
		a.doors = slices.DeleteFunc(a.doors, func(other Door) bool { return other == d })
		a.doors = slices.Insert(a.doors, 0, d)
	}
	a.doors = a.doors[:min(len(a.doors), maxEntries)]
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

// setDoors replaces all doors. Whoever was admitted by one that is gone is
// admitted no longer.
func (g *guard) setDoors(doors []Door) {
	keys := make([]seal.DoorKey, len(doors))
	for i, d := range doors {
		keys[i] = d.Key
	}
	index := seal.NewDoors(keys)

	g.mu.Lock()
	defer g.mu.Unlock()
	g.doors, g.keys = slices.Clone(doors), index
	for addr, a := range g.admitted {
		if len(a.doors) == 0 {
			continue
		}
		a.doors = slices.DeleteFunc(a.doors, func(d Door) bool { return !slices.Contains(g.doors, d) })
		if len(a.doors) == 0 {
			delete(g.admitted, addr)
		}
	}
}

// entries are the doors that an address knocked at, latest first.
func (g *guard) entries(from netip.AddrPort) []Door {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.admitted[from]; a != nil {
		return slices.Clone(a.doors)
	}
	return nil
}

// doorFor chooses, among the doors that a peer knocked at, the one that it may
// use: its own, or else one that is for anybody. Doors that are gone by now
// don't count.
func (g *guard) doorFor(entries []Door, account kith.AccountID) (Door, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, want := range []kith.AccountID{account, {}} {
		for _, d := range entries {
			if d.Account == want && slices.Contains(g.doors, d) {
				return d, true
			}
		}
	}
	return Door{}, false
}
