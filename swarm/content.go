package swarm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"kith"
	"kith/seal"
)

// An arrival is a piece that has not been written: ciphertext, or plaintext when
// it was verified.
type arrival struct {
	buf   []byte
	got   int // bytes that came
	plain bool
}

// A content is a stream on the disk: it reads ciphertext and writes plaintext.
// It is called by the library with and without the library's lock held, so it
// never calls the library.
type content struct {
	cipher        *seal.FileCipher
	length, piece int64
	edges         string // folder of pieces kept as ciphertext; "" if there are none
	disk          *disk
	pool          *pool
	onFull        func(error)                            // something could not be written
	onPiece       func(piece int, good bool, buf []byte) // a piece that arrived was hashed
	hashes        []byte
	writeHook     func() error // of tests; before every write

	mu      sync.Mutex // guards all below
	plan    *plan
	have    set
	doubt   set // noted as had, to be hashed before it is believed
	edge    map[int]bool
	pending map[int]*arrival
	dirty   map[int]bool // files written since the last sync
	fresh   int          // pieces since the last sync
	ripe    int          // bytes of pieces that are all here and wait to be hashed
	reaped  sync.Cond    // ripe shrank
	closed  bool
}

func (c *content) pieces() int { return int((c.length + c.piece - 1) / c.piece) }

func (c *content) span(piece int) (offset, n int64) {
	offset = int64(piece) * c.piece
	return offset, min(c.piece, c.length-offset)
}

// readPlan reads plaintext of the stream through its files.
func (c *content) readPlan(p []byte, offset int64) error {
	plan := c.plan
	if plan == nil {
		return fs.ErrNotExist
	}
	if offset < int64(len(plan.head)) {
		n := copy(p, plan.head[offset:])
		p, offset = p[n:], offset+int64(n)
	}
	if len(plan.files) == 1 && plan.files[0].Size == 0 && plan.head == nil {
		clear(p) // an empty file is one zero byte
		return nil
	}
	return plan.each(offset, int64(len(p)), func(file int, at, from, to int64) error {
		return c.disk.readAt(file, p[from:to], at)
	})
}

// readAt reads ciphertext of one piece.
func (c *content) readAt(p []byte, piece int, begin int64) error {
	offset := int64(piece)*c.piece + begin
	c.mu.Lock()
	if a := c.pending[piece]; a != nil {
		copy(p, a.buf[begin:])
		plain := a.plain
		c.mu.Unlock()
		if plain {
			c.cipher.XORKeyStreamAt(p, p, offset)
		}
		return nil
	}
	edge := c.edge[piece]
	c.mu.Unlock()
	if edge {
		f, err := os.Open(c.edgeName(piece))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.ReadAt(p, begin)
		return err
	}
	if err := c.readPlan(p, offset); err != nil {
		return err
	}
	c.cipher.XORKeyStreamAt(p, p, offset)
	return nil
}

func (c *content) edgeName(piece int) string {
	return filepath.Join(c.edges, strconv.Itoa(piece))
}

// writeAt takes ciphertext of a piece that is arriving.
func (c *content) writeAt(p []byte, piece int, begin int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The library bounds what has begun, not what waits for a hasher, which on
	// a busy machine is behind. Pieces that are all here need no more from this
	// connection to be hashed, so it may wait for them.
	for c.ripe > maxRipe && !c.closed {
		c.reaped.Wait()
	}
	if c.have.has(piece) {
		return nil // a late double; what is there was verified
	}
	a := c.pending[piece]
	if a == nil {
		_, n := c.span(piece)
		a = &arrival{buf: c.pool.get(int(n))}
		if c.pending == nil {
			c.pending = map[int]*arrival{}
		}
		c.pending[piece] = a
	}
	if !a.plain {
		copy(a.buf[begin:], p)
		before := a.got
		if a.got += len(p); before < len(a.buf) && a.got >= len(a.buf) {
			c.ripe += len(a.buf)
		}
	}
	return nil
}

// maxRipe bounds what waits for a hasher, in bytes, for one transfer.
const maxRipe = 8 << 20

// letGo lets go whoever waits.
func (c *content) letGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.reaped.Broadcast()
}

// settle hashes a piece, one that has arrived or one that lies on the disk, and
// writes it if it has arrived and is right.
func (c *content) settle(piece int) (sum [20]byte, err error) {
	c.mu.Lock()
	a := c.pending[piece]
	c.mu.Unlock()
	if a == nil {
		return c.recheck(piece)
	}
	buf := a.buf
	sum = shortSum(buf)
	good := string(sum[:]) == string(c.hashes[piece*20:piece*20+20])
	c.onPiece(piece, good, buf)
	if good {
		err = c.keep(piece, a)
	}
	c.mu.Lock()
	delete(c.pending, piece)
	if a.got >= len(buf) {
		c.ripe -= len(buf)
		c.reaped.Broadcast()
	}
	c.mu.Unlock()
	c.pool.put(buf)
	if err != nil {
		c.onFull(err)
		return [20]byte{}, err // the library goes by the sum, not by the error
	}
	return sum, nil
}

func (c *content) recheck(piece int) (sum [20]byte, err error) {
	block := c.pool.block()
	defer c.pool.giveBlock(block)
	_, n := c.span(piece)
	h := newSum()
	for begin := int64(0); begin < n; {
		b := block[:min(int64(len(block)), n-begin)]
		if err := c.readAt(b, piece, begin); err != nil {
			return sum, err
		}
		h.Write(b)
		begin += int64(len(b))
	}
	copy(sum[:], h.Sum(nil))
	return sum, nil
}

// keep writes a verified piece.
func (c *content) keep(piece int, a *arrival) error {
	buf := a.buf
	if c.writeHook != nil {
		if err := c.writeHook(); err != nil {
			return err
		}
	}
	offset := int64(piece) * c.piece
	c.mu.Lock()
	plan := c.plan
	c.mu.Unlock()
	whole := plan != nil
	if whole {
		plan.each(offset, int64(len(buf)), func(file int, _, _, _ int64) error {
			whole = whole && c.disk.state(file) == partial
			return nil
		})
	}
	if !whole {
		if err := c.keepEdge(piece, buf); err != nil {
			return err
		}
	}
	if plan == nil {
		return nil
	}
	c.mu.Lock()
	c.cipher.XORKeyStreamAt(buf, buf, offset)
	a.plain = true
	c.mu.Unlock()
	return c.spread(plan, offset, buf)
}

// spread writes plaintext to those files that are wanted.
func (c *content) spread(plan *plan, offset int64, plain []byte) error {
	return plan.each(offset, int64(len(plain)), func(file int, at, from, to int64) error {
		if c.disk.state(file) != partial {
			return nil
		}
		c.mu.Lock()
		if c.dirty == nil {
			c.dirty = map[int]bool{}
		}
		c.dirty[file] = true
		c.mu.Unlock()
		return c.disk.writeAt(file, plain[from:to], at)
	})
}

func (c *content) keepEdge(piece int, buf []byte) error {
	if c.edges == "" {
		return kith.Errorf(kith.Internal, "a piece of a file that is not wanted has no place")
	}
	if err := writeWhole(c.edgeName(piece), buf); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.edge == nil {
		c.edge = map[int]bool{}
	}
	c.edge[piece] = true
	return nil
}

// adopt makes room for a file that was not wanted until now and fills in what
// was kept of it as ciphertext. It gives the pieces of which too little is there.
func (c *content) adopt(file int) error {
	c.disk.mu.Lock()
	if c.disk.entries[file].State == absent {
		c.disk.entries[file].State = partial
	}
	c.disk.mu.Unlock()
	c.mu.Lock()
	plan, s := c.plan, c.plan.starts[file]
	c.mu.Unlock()
	if s.size == 0 {
		return nil
	}
	for piece := int(s.offset / c.piece); int64(piece)*c.piece < s.offset+s.size; piece++ {
		c.mu.Lock()
		edge := c.edge[piece]
		c.mu.Unlock()
		if !edge {
			continue
		}
		buf, err := os.ReadFile(c.edgeName(piece))
		if err != nil {
			return err
		}
		offset := int64(piece) * c.piece
		c.cipher.XORKeyStreamAt(buf, buf, offset)
		err = plan.each(offset, int64(len(buf)), func(f int, at, from, to int64) error {
			if f != file {
				return nil
			}
			c.mu.Lock()
			if c.dirty == nil {
				c.dirty = map[int]bool{}
			}
			c.dirty[f] = true
			c.mu.Unlock()
			return c.disk.writeAt(f, buf[from:to], at)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fileDone reports whether every piece of a file is here.
func (c *content) fileDone(file int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.plan.starts[file]
	for p := s.offset / c.piece; s.size > 0 && p*c.piece < s.offset+s.size; p++ {
		if !c.have.has(int(p)) {
			return false
		}
	}
	return true
}

// isFull reports whether an error says that there is no room.
func isFull(err error) bool {
	return kith.KindOf(err) == kith.Full || errors.Is(err, errNoSpace)
}
