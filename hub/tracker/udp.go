package tracker

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"kith"
)

// The actions of BEP 15.
const (
	actConnect  = 0
	actAnnounce = 1
	actScrape   = 2
	actError    = 3
)

const (
	// connectMagic is what a client calls a connection that it has not.
	connectMagic  = 0x41727101980
	udpHeader     = 16
	udpAnnounce   = 98
	maxDatagram   = 1500
	connectionAge = 2 * time.Minute
	// maxDatagramPeers bounds the peers of a datagram, so that it is not
	// split on its way: 74 × 18 + 20 bytes.
	maxDatagramPeers = 74
)

// A request is a datagram of BEP 15.
type request struct {
	connection  uint64
	action      uint32
	transaction uint32
	announce    announce // without the address
	port        uint16
	hashes      []Hash
}

var errDatagram = kith.Errorf(kith.BadPeer, "a datagram is no request of BEP 15")

// parseDatagram reads a request.
func parseDatagram(b []byte) (request, error) {
	if len(b) < udpHeader {
		return request{}, errDatagram
	}
	r := request{
		connection: binary.BigEndian.Uint64(b), action: binary.BigEndian.Uint32(b[8:]), transaction: binary.BigEndian.Uint32(b[12:]),
	}
	switch {
	case r.action == actConnect && r.connection == connectMagic:
		return r, nil
	case r.action == actAnnounce && len(b) >= udpAnnounce:
		a := &r.announce
		copy(a.hash[:], b[16:])
		copy(a.id[:], b[36:])
		a.left = binary.BigEndian.Uint64(b[64:])
		a.event = event(binary.BigEndian.Uint32(b[80:]))
		if a.event > stopped {
			a.event = update
		}
		// b[84:88] is an address that it would like to have; b[88:92] a key.
		a.want = int(int32(binary.BigEndian.Uint32(b[92:])))
		r.port = binary.BigEndian.Uint16(b[96:])
		return r, nil
	case r.action == actScrape:
		for b = b[udpHeader:]; len(b) >= len(Hash{}) && len(r.hashes) < maxScrape; b = b[len(Hash{}):] {
			r.hashes = append(r.hashes, Hash(b[:len(Hash{})]))
		}
		if len(r.hashes) > 0 {
			return r, nil
		}
	}
	return request{}, errDatagram
}

// connection names the connection of an address in a period. It is not kept:
// who has it has heard from us at that address.
func (t *Tracker) connection(from netip.AddrPort, period int64) uint64 {
	mac := hmac.New(sha256.New, t.secret[:])
	raw, _ := from.MarshalBinary() // never fails
	mac.Write(binary.BigEndian.AppendUint64(raw, uint64(period)))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// answerDatagram gives the answer to a datagram; nil: none.
func (t *Tracker) answerDatagram(b []byte, from netip.AddrPort, now time.Time) []byte {
	r, err := parseDatagram(b)
	if err != nil {
		t.malformed.Add(1)
		return nil // nor to one that may be forged
	}
	head := func(action uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, action), r.transaction)
	}
	period := now.Unix() / int64(connectionAge.Seconds())
	if r.action == actConnect {
		return binary.BigEndian.AppendUint64(head(actConnect), t.connection(from, period))
	}
	if r.connection != t.connection(from, period) && r.connection != t.connection(from, period-1) {
		t.unconnected.Add(1)
		return append(head(actError), "connect first: this connection is too old or another's"...)
	}
	if r.action == actScrape {
		t.scrapes.Add(1)
		out := head(actScrape)
		for _, h := range r.hashes {
			c := t.swarms.scrape(h)
			out = counts32(out, c.complete, int(c.downloaded), c.incomplete)
		}
		return out
	}
	t.announces[overUDP].Add(1)
	r.announce.addr = netip.AddrPortFrom(from.Addr(), r.port)
	if r.announce.want > maxDatagramPeers {
		r.announce.want = maxDatagramPeers
	}
	own, _, c := t.swarms.announce(r.announce, now)
	out := counts32(head(actAnnounce), int(interval.Seconds()), c.incomplete, c.complete)
	return append(out, compact(own)...)
}

func counts32(out []byte, numbers ...int) []byte {
	for _, n := range numbers {
		out = binary.BigEndian.AppendUint32(out, uint32(n))
	}
	return out
}

// serveDatagrams answers what comes in over a socket until it is closed.
func (t *Tracker) serveDatagrams(sock *net.UDPConn) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := sock.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // Windows tells of datagrams that were not taken
			continue
		}
		if out := t.answerDatagram(buf[:n], from, time.Now()); out != nil {
			_, _ = sock.WriteToUDPAddrPort(out, from) // a client asks again
		}
	}
}
