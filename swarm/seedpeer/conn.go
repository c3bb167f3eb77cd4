package seedpeer

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/anacrolix/torrent/bencode"
	pp "github.com/anacrolix/torrent/peer_protocol"

	"kith"
	"kith/hubapi"
)

// Bounds of a connection.
const (
	fetches     = 4         // ranges under way at once
	leastRun    = 128 << 10 // bytes of a range, for a slow hub
	mostRun     = 2 << 20   // and for a fast one
	quick, slow = 500 * time.Millisecond, 3 * time.Second
	maxQueue    = 4 << 10          // requests that wait
	maxRequest  = 1 << 20          // bytes of one
	maxMessage  = 1 << 20          // bytes of what the library says
	idle        = time.Minute      // without a request
	greeting    = 15 * time.Second // for the handshake
)

// metadataNumber is how the library names ut_metadata to us (BEP 10).
const metadataNumber = 1

// metadataBlock is a part of the info dictionary, in bytes (BEP 9).
const metadataBlock = 16 << 10

// A conn answers for a seedbox.
type conn struct {
	f     *file
	kept  hubapi.Kept
	piece int64
	info  []byte
	pipe  net.Conn
	ctx   context.Context
	stop  context.CancelFunc
	rest  *time.Timer // ends an idle connection

	writing sync.Mutex // held over whole messages

	mu       sync.Mutex // guards the rest
	waiting  []pp.RequestSpec
	more     sync.Cond
	closed   bool
	metadata pp.ExtensionNumber // how to name ut_metadata to the library
}

// serve begins a connection and gives the library's end of it.
func serve(f *file, kept hubapi.Kept, piece int64, info []byte) net.Conn {
	theirs, ours := net.Pipe()
	c := &conn{f: f, kept: kept, piece: piece, info: info, pipe: ours}
	c.more.L = &c.mu
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.rest = time.AfterFunc(idle, c.close)
	go func() {
		defer c.close()
		var workers sync.WaitGroup
		if err := c.greet(); err != nil {
			return
		}
		for range fetches {
			workers.Go(c.work)
		}
		c.listen()
		c.close()
		workers.Wait()
	}()
	return theirs
}

func (c *conn) close() {
	c.mu.Lock()
	c.closed = true
	c.more.Broadcast()
	c.mu.Unlock()
	c.rest.Stop()
	c.stop()
	c.pipe.Close()
}

// fail ends the connection because the hub was of no use, which counts once.
func (c *conn) fail(err error) {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		c.f.failed(err)
	}
	c.close()
}

// greet says which pieces there are, and lets the library ask for them.
func (c *conn) greet() error {
	c.pipe.SetDeadline(time.Now().Add(greeting))
	var name [20]byte
	rand.Read(name[:])
	file := [20]byte(c.f.name)
	extensions := pp.NewPeerExtensionBytes(pp.ExtensionBitLtep)
	// Both ends of a pipe wait for each other, so ours speaks second.
	head := make([]byte, len(pp.Protocol)+8+20+20)
	if _, err := io.ReadFull(c.pipe, head); err != nil {
		return err
	}
	if string(head[:len(pp.Protocol)]) != pp.Protocol || [20]byte(head[len(pp.Protocol)+8:]) != file {
		return kith.Errorf(kith.Internal, "another file is asked for than was dialled")
	}
	reply := append([]byte(pp.Protocol), extensions[:]...)
	reply = append(append(reply, file[:]...), name[:]...)
	if _, err := c.pipe.Write(reply); err != nil {
		return err
	}
	c.pipe.SetDeadline(time.Time{})
	hello, err := bencode.Marshal(pp.ExtendedHandshakeMessage{
		M:            map[pp.ExtensionName]pp.ExtensionNumber{pp.ExtensionNameMetadata: metadataNumber},
		MetadataSize: len(c.info),
		Reqq:         maxQueue / 4,
	})
	if err != nil {
		return err
	}
	// The library listens only after it has said its own part.
	go func() {
		have := make([]bool, c.kept.Pieces)
		for i := range have {
			have[i] = c.has(i)
		}
		for _, m := range []pp.Message{
			{Type: pp.Extended, ExtendedID: pp.HandshakeExtendedID, ExtendedPayload: hello},
			{Type: pp.Bitfield, Bitfield: have},
			{Type: pp.Unchoke},
		} {
			if c.send(m.MustMarshalBinary()) != nil {
				c.close()
				return
			}
		}
	}()
	return nil
}

func (c *conn) has(piece int) bool {
	return piece >= 0 && piece < c.kept.Pieces && c.kept.Have[piece/8]&(0x80>>(piece%8)) != 0
}

// send writes a whole message.
func (c *conn) send(parts ...[]byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	for _, p := range parts {
		if _, err := c.pipe.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// listen takes what the library says, until one side ends.
func (c *conn) listen() {
	d := pp.Decoder{R: bufio.NewReader(c.pipe), MaxLength: maxMessage}
	for {
		var m pp.Message
		if d.Decode(&m) != nil {
			return
		}
		if m.Keepalive {
			continue
		}
		switch m.Type {
		case pp.Request:
			if !c.ask(m.RequestSpec()) {
				return
			}
		case pp.Cancel:
			c.forget(m.RequestSpec())
		case pp.Extended:
			if c.extended(m) != nil {
				return
			}
		}
	}
}

// ask takes a request, and reports whether it makes sense.
func (c *conn) ask(r pp.RequestSpec) bool {
	at, n := int64(r.Index)*c.piece+int64(r.Begin), int64(r.Length)
	if !c.has(int(r.Index)) || n <= 0 || n > maxRequest || int64(r.Begin)+n > c.piece || at+n > c.kept.Size {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxQueue {
		return false
	}
	c.waiting = append(c.waiting, r)
	c.more.Signal()
	return true
}

func (c *conn) forget(r pp.RequestSpec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.waiting {
		if w == r {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return
		}
	}
}

// extended answers requests for the info dictionary.
func (c *conn) extended(m pp.Message) error {
	if m.ExtendedID == pp.HandshakeExtendedID {
		var hello pp.ExtendedHandshakeMessage
		if err := bencode.Unmarshal(m.ExtendedPayload, &hello); err != nil {
			return err
		}
		c.mu.Lock()
		c.metadata = hello.M[pp.ExtensionNameMetadata]
		c.mu.Unlock()
		return nil
	}
	var ask pp.ExtendedMetadataRequestMsg
	if err := bencode.Unmarshal(m.ExtendedPayload, &ask); err != nil || m.ExtendedID != metadataNumber {
		return err
	}
	c.mu.Lock()
	number := c.metadata
	c.mu.Unlock()
	at := ask.Piece * metadataBlock
	if ask.Type != pp.RequestMetadataExtensionMsgType || ask.Piece < 0 || ask.Piece > len(c.info)/metadataBlock || at >= len(c.info) || number == 0 {
		return nil
	}
	head, err := bencode.Marshal(pp.ExtendedMetadataRequestMsg{Piece: ask.Piece, TotalSize: len(c.info), Type: pp.DataMetadataExtensionMsgType})
	if err != nil {
		return err
	}
	reply := pp.Message{Type: pp.Extended, ExtendedID: number, ExtendedPayload: append(head, c.info[at:min(len(c.info), at+metadataBlock)]...)}
	c.rest.Reset(idle)
	go func() { // lest both ends wait to be heard
		if c.send(reply.MustMarshalBinary()) != nil {
			c.close()
		}
	}()
	return nil
}

// work fetches what waits.
func (c *conn) work() {
	buf := make([]byte, 0, leastRun)
	for {
		run := c.take()
		if run == nil {
			return
		}
		last := run[len(run)-1]
		n := int(last.Begin+last.Length) - int(run[0].Begin)
		if cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if err := c.fetch(run[0], buf); err != nil {
			c.fail(err)
			return
		}
		for _, r := range run {
			from := int(r.Begin - run[0].Begin)
			if c.send(pieceHead(r), buf[from:from+int(r.Length)]) != nil {
				c.close()
				return
			}
		}
		c.rest.Reset(idle)
	}
}

// take waits for requests, and takes the first with all that follow it in its
// piece without a gap, as much as is asked for at once; nil at the end.
func (c *conn) take() (run []pp.RequestSpec) {
	most := c.f.runLength()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) == 0 && !c.closed {
		c.more.Wait()
	}
	if c.closed {
		return nil
	}
	run = append(run, c.waiting[0])
	left := c.waiting[:0]
	end, size := run[0].Begin+run[0].Length, run[0].Length
	for _, r := range c.waiting[1:] {
		if r.Index == run[0].Index && r.Begin == end && size+r.Length <= pp.Integer(most) {
			run = append(run, r)
			end, size = end+r.Length, size+r.Length
		} else {
			left = append(left, r)
		}
	}
	c.waiting = left
	return run
}

// fetch gets a range. How long it takes decides how much is asked for next.
func (c *conn) fetch(first pp.RequestSpec, into []byte) error {
	began := time.Now()
	err := hubapi.FetchKept(c.ctx, c.f.http, c.f.hub, c.f.name, int64(first.Index)*c.piece+int64(first.Begin), into)
	if err == nil {
		c.f.tookRun(len(into), time.Since(began))
	}
	return err
}

func (f *file) runLength() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.run
}

// tookRun notes how long a range took.
func (f *file) tookRun(n int, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = 0
	switch {
	case took < quick && n >= f.run:
		f.run = min(2*f.run, mostRun)
	case took > slow:
		f.run = max(f.run/2, leastRun)
	}
}

// pieceHead is what stands before the bytes of a request that is met.
func pieceHead(r pp.RequestSpec) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(9+r.Length))
	b = append(b, byte(pp.Piece))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Index))
	return binary.BigEndian.AppendUint32(b, uint32(r.Begin))
}
