package swarm

import (
	"hash/maphash"
	"net"

	"github.com/anacrolix/torrent"

	"kith"
)

// A suspect is a chunk of a piece that came out wrong: who sent it, and what.
type suspect struct {
	device uint32
	sum    uint64
}

var chunkSeed = maphash.MakeSeed()

// addressOf is the made-up address of a member.
func addressOf(p *torrent.Peer) net.IP {
	if addr, ok := p.RemoteAddr.(*net.TCPAddr); ok {
		return addr.IP
	}
	return nil
}

// received notes who sent a chunk. The library's lock is held.
func (s *Swarm) received(e torrent.ReceivedUsefulDataEvent) {
	t, _, device := s.resolve(addressOf(e.Peer))
	if t == nil {
		return
	}
	piece, chunk := int(e.Message.Index), int(e.Message.Begin)/chunkSize
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.c == nil {
		return
	}
	_, n := t.c.span(piece)
	from := t.senders[piece]
	if from == nil {
		if t.senders == nil {
			t.senders = map[int][]uint32{}
		}
		from = make([]uint32, (n+chunkSize-1)/chunkSize)
		t.senders[piece] = from
	}
	if chunk < len(from) {
		from[chunk] = device
	}
}

// judge finds out who sent a bad chunk: whoever sent all of a bad piece, or the
// chunks that differ from those of the piece when it came out right. It is
// called before the buffer of the piece is given back.
func (t *transfer) judge(piece int, good bool, buf []byte) {
	t.mu.Lock()
	from := t.senders[piece]
	delete(t.senders, piece)
	guilty := map[uint32]bool{}
	sum := func(chunk int) uint64 {
		return maphash.Bytes(chunkSeed, buf[chunk*chunkSize:min(len(buf), (chunk+1)*chunkSize)])
	}
	if good {
		for chunk, s := range t.suspects[piece] {
			if sus := s; sus.device != 0 && sus.sum != sum(chunk) {
				guilty[sus.device] = true
			}
		}
		delete(t.suspects, piece)
	} else {
		t.bad++
		alone := uint32(0)
		for _, d := range from {
			switch {
			case d == 0 || alone == d:
			case alone == 0:
				alone = d
			default:
				alone = ^uint32(0)
			}
		}
		if alone != 0 && alone != ^uint32(0) {
			guilty[alone] = true
		} else if len(from) > 0 {
			if t.suspects == nil {
				t.suspects = map[int][]suspect{}
			}
			list := make([]suspect, len(from))
			for chunk, d := range from {
				list[chunk] = suspect{d, sum(chunk)}
			}
			t.suspects[piece] = list
		}
	}
	t.mu.Unlock()
	for d := range guilty {
		t.s.ban(d)
	}
}

// ban ends all that there is with a device that sends rubbish, until this
// program ends. Over TCP it may have been changed on its way (see framed), so
// the first time only TCP is given up: over a link nobody but the device can
// have done it. It gets a new number, since the library has condemned the old.
func (s *Swarm) ban(number uint32) {
	s.mu.Lock()
	device := s.devices[number-1]
	if s.deviceNo[device] != number {
		s.mu.Unlock() // of what came before
		return
	}
	if s.cfg.Dial != nil && !s.byLink[device] {
		s.byLink[device] = true
		delete(s.deviceNo, device)
		s.mu.Unlock()
		s.log.Warn("pieces of a member were changed on their way; it is reached over links only", "device", device.Short())
	} else {
		s.banned[device] = true
		s.mu.Unlock()
		s.log.Warn("a member sent pieces that are not what was shared; nothing is fetched from it any more", "device", device.Short())
	}
	// The library's lock may be held by whoever waits for this.
	go s.closeConns(func(c *conn) bool { return c.peer == device })
}

// Banned lists the devices that sent bad pieces.
func (s *Swarm) Banned() []kith.DeviceID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []kith.DeviceID
	for d := range s.banned {
		list = append(list, d)
	}
	return list
}
