package relay

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// On Linux packets come by recvmmsg and go by sendmsg with UDP_SEGMENT: what a
// client sends in one go to one peer passes the kernel in one go, and wakes the
// next process once. A packet costs two system calls and two wakings otherwise,
// and that is nearly all that it costs.

const (
	// inBatch bounds the packets of one batch. Memory is held for those sockets
	// only that are being read.
	inBatch = 32
	// maxSegments and maxSegmented bound what one sendmsg takes, in packets and
	// in bytes.
	maxSegments  = inBatch
	maxSegmented = 60_000
	packetRoom   = channelHeader + maxPacket + channelHeader
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// A batch is memory for one batch of packets, and for sending it on.
type batch struct {
	s     *Server
	heads [inBatch]mmsghdr
	iovs  [inBatch]unix.Iovec
	names [inBatch]unix.RawSockaddrInet6 // or of IPv4, which is smaller
	bufs  [inBatch][packetRoom]byte

	queue []queued
	out   sender
}

// queued is a packet to be sent.
type queued struct {
	over *socket
	to   netip.AddrPort
	b    []byte
	sent bool
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// receive reads until the socket is closed, or until a packet had each report
// that there is something to do elsewhere; the rest of its batch is handled
// first. Each packet has room bytes before it.
func (k *socket) receive(s *Server, room int, each func(o outgoing, from netip.AddrPort, b []byte) (stop bool)) error {
	// Within one Read the runtime keeps what it hears of the socket, so that
	// one that was read empty need not be asked again before it is waited for.
	return k.raw.Read(func(fd uintptr) bool {
		b := batches.Get().(*batch)
		b.s = s
		defer batches.Put(b)
		for {
			n := b.fill(fd, room)
			stop := false
			for i := range n {
				from, size := b.from(i), int(b.heads[i].n)
				if from.IsValid() && each(b, from, b.bufs[i][:room+size]) {
					stop = true
				}
			}
			b.flush()
			if stop {
				return true
			}
			if n == 0 {
				return false
			}
			// Others who have packets to carry go first; under load, more has
			// come in the meantime.
			runtime.Gosched()
		}
	})
}

// fill reads what is there. An error is one of another packet, of which ICMP
// told, or comes again when the socket is waited for.
func (b *batch) fill(fd uintptr, room int) int {
	for i := range b.heads {
		b.iovs[i].Base = &b.bufs[i][room]
		b.iovs[i].SetLen(maxPacket + channelHeader)
		b.heads[i].hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&b.names[i])), Namelen: uint32(unsafe.Sizeof(b.names[i])), Iov: &b.iovs[i]}
		b.heads[i].hdr.SetIovlen(1)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.heads[0])), inBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
		case unix.EAGAIN, unix.EBADF:
			return 0
		default:
			b.s.counts.unsent.Add(1)
		}
	}
}

// from tells where a packet of the batch came from.
func (b *batch) from(i int) netip.AddrPort {
	switch name := &b.names[i]; name.Family {
	case unix.AF_INET:
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), swap(four.Port))
	case unix.AF_INET6:
		ip := netip.AddrFrom16(name.Addr)
		if name.Scope_id != 0 && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(strconv.Itoa(int(name.Scope_id)))
		}
		return netip.AddrPortFrom(ip, swap(name.Port))
	}
	return netip.AddrPort{}
}

// swap turns a port from the network's order of bytes to ours, and back.
func swap(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

func (b *batch) add(over *socket, to netip.AddrPort, p []byte) {
	b.queue = append(b.queue, queued{over: over, to: to, b: p})
}

// flush sends what was added. What goes over one socket to one address stays in
// order.
func (b *batch) flush() {
	for i := range b.queue {
		if !b.queue[i].sent {
			b.sendFrom(i)
		}
	}
	clear(b.queue)
	b.queue = b.queue[:0]
}

// sendFrom sends the packet at i with those after it that go the same way and
// can go at once: all of its size, the last one at most.
func (b *batch) sendFrom(i int) {
	first := &b.queue[i]
	out := &b.out
	out.start(first.to)
	size := len(first.b)
	total, short := 0, false
	for j := i; j < len(b.queue) && out.n < maxSegments; j++ {
		q := &b.queue[j]
		if q.sent || q.over != first.over || q.to != first.to {
			continue
		}
		if short || len(q.b) > size || len(q.b) == 0 && out.n > 0 || total+len(q.b) > maxSegmented {
			break
		}
		short = len(q.b) < size
		total += len(q.b)
		out.put(q.b)
		q.sent = true
	}
	b.s.counts.unsent.Add(uint64(out.send(first.over, size)))
}

// A sender is memory for one sendmsg.
type sender struct {
	hdr  unix.Msghdr
	name unix.RawSockaddrInet6 // or of IPv4, which is smaller
	iovs [maxSegments]unix.Iovec
	n    int
	// control holds the size of segments: a header, and a number of 16 bits.
	control [32]byte
	write   func(fd uintptr) bool
	errno   unix.Errno
}

func (o *sender) start(to netip.AddrPort) {
	o.n, o.hdr = 0, unix.Msghdr{}
	o.hdr.Name = (*byte)(unsafe.Pointer(&o.name))
	if ip := to.Addr(); ip.Is4() {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&o.name))
		*four = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port()), Addr: ip.As4()}
		o.hdr.Namelen = unix.SizeofSockaddrInet4
	} else {
		scope, _ := strconv.Atoi(ip.Zone()) // as batch.from wrote it
		o.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(to.Port()), Addr: ip.As16(), Scope_id: uint32(scope)}
		o.hdr.Namelen = unix.SizeofSockaddrInet6
	}
}

func (o *sender) put(p []byte) {
	o.iovs[o.n].Base = unsafe.SliceData(p)
	o.iovs[o.n].SetLen(len(p))
	o.n++
}

// send sends what was put as segments of a size, and tells how many could not
// be sent.
func (o *sender) send(over *socket, size int) (lost int) {
	if o.n > 1 {
		head := (*unix.Cmsghdr)(unsafe.Pointer(&o.control))
		head.Level, head.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		head.SetLen(unix.CmsgLen(2))
		binary.NativeEndian.PutUint16(o.control[unix.CmsgLen(0):], uint16(size))
		o.hdr.Control = &o.control[0]
		o.hdr.SetControllen(unix.CmsgSpace(2))
	}
	if o.do(over, 0, o.n) {
		return 0
	}
	if o.n == 1 || o.errno == unix.EAGAIN {
		return o.n
	}
	// An interface that can't, or segments that are too long for it.
	o.hdr.Control = nil
	o.hdr.SetControllen(0)
	for i := range o.n {
		if !o.do(over, i, 1) {
			lost++
		}
	}
	return lost
}

// do sends n of the packets from i on.
func (o *sender) do(over *socket, i, n int) bool {
	o.hdr.Iov = &o.iovs[i]
	o.hdr.SetIovlen(n)
	if o.write == nil {
		o.write = func(fd uintptr) bool {
			for {
				_, _, o.errno = unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&o.hdr)), unix.MSG_DONTWAIT)
				if o.errno != unix.EINTR {
					return true // a queue that is full is no reason to wait
				}
			}
		}
	}
	return over.raw.Write(o.write) == nil && o.errno == 0
}
