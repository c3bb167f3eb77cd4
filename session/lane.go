package session

import (
	"context"
	"crypto/tls"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kith/seal"
	"kith/wire"
)

const (
	laneStreams = 2 // a side may have open at the same time, on one lane
	// laneWindow is how much a peer may send ahead in one of them. While one
	// lane makes a loss good the others go on for so long, and it takes two
	// round trips.
	laneWindow = 2 << 20
)

// laneConfig is the same for all lanes. Together, the streams of a lane may
// send ahead what each may: otherwise two of them, each of which waits for what
// comes by another lane, could keep each other's from coming.
func laneConfig() *quic.Config {
	c := quicConfig()
	c.KeepAlivePeriod = 0 // see lane.look
	c.InitialStreamReceiveWindow = laneWindow
	c.MaxStreamReceiveWindow = laneWindow
	c.InitialConnectionReceiveWindow = laneStreams * laneWindow
	c.MaxConnectionReceiveWindow = laneStreams * laneWindow
	c.MaxIncomingUniStreams = laneStreams
	return c
}

// speaking is a TLS configuration for other protocols, in the order of
// preference.
func speaking(c *tls.Config, protocols ...string) *tls.Config {
	c = c.Clone()
	c.NextProtos = protocols
	return c
}

// isLane reports whether a connection is to be a lane of a link.
func isLane(conn *quic.Conn) bool {
	return conn.ConnectionState().TLS.NegotiatedProtocol == seal.LaneALPN
}

// A lane is a further connection of a link. Each of its streams, which are
// unidirectional, carries chunks of one bulk stream.
type lane struct {
	pulse
	used  atomic.Int64 // when something was read from or written to it, in Unix nanoseconds
	open  atomic.Int64 // streams
	heard uint64       // packets when it was looked last; owned by lanes.look
	quiet int          // how often there were none, and no streams, since; owned by lanes.look
}

func newLane(conn *quic.Conn, deafness time.Duration) *lane {
	l := &lane{pulse: pulse{conn: conn, deafness: deafness}}
	l.touch()
	return l
}

func (l *lane) touch() { l.used.Store(time.Now().UnixNano()) }

// rested is how long nothing was read or written.
func (l *lane) rested() time.Duration { return time.Since(time.Unix(0, l.used.Load())) }

// begin opens a stream for the chunks of a bulk stream. It is nil if there are
// enough.
func (l *lane) begin(number uint64) *laneWriter {
	s, err := l.conn.OpenUniStream()
	if err != nil {
		return nil
	}
	l.open.Add(1)
	l.touch()
	return &laneWriter{SendStream: s, lane: l, head: wire.AppendStreamNumber(nil, number)}
}

// accept takes the streams that the other side opens.
func (l *lane) accept(take func(number uint64, r *laneReader)) {
	for {
		s, err := l.conn.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		l.open.Add(1)
		l.touch()
		r := &laneReader{ReceiveStream: s, lane: l}
		go func() {
			s.SetReadDeadline(time.Now().Add(purposeTimeout))
			number, err := wire.ReadStreamNumber(byteReader{r})
			if err != nil {
				r.Cancel()
				return
			}
			s.SetReadDeadline(time.Time{})
			take(number, r)
		}()
	}
}

// byteReader reads single bytes, and no more than it is asked for.
type byteReader struct{ io.Reader }

func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}

// A laneWriter is a stream of a lane that this side opened; see
// stripe.WriteLane.
type laneWriter struct {
	*quic.SendStream
	lane  *lane
	head  []byte // not written yet
	ended sync.Once
}

func (w *laneWriter) Write(p []byte) (int, error) {
	defer w.lane.touch()
	w.lane.expect()
	if w.head != nil {
		head := w.head
		w.head = nil
		if _, err := w.SendStream.Write(head); err != nil {
			return 0, w.lane.errEnded("write to a lane", err)
		}
	}
	n, err := w.SendStream.Write(p)
	if err != nil {
		err = w.lane.errEnded("write to a lane", err)
	}
	return n, err
}

func (w *laneWriter) Close() error {
	defer w.leave()
	if err := w.SendStream.Close(); err != nil {
		return w.lane.errEnded("close a lane", err)
	}
	return nil
}

func (w *laneWriter) Cancel() {
	w.CancelWrite(cancelCode)
	w.leave()
}

func (w *laneWriter) leave() {
	w.ended.Do(func() {
		w.lane.touch()
		w.lane.open.Add(-1)
	})
}

// A laneReader is a stream of a lane that the other side opened; see
// stripe.ReadLane.
type laneReader struct {
	*quic.ReceiveStream
	lane  *lane
	ended sync.Once
}

func (r *laneReader) Read(p []byte) (int, error) {
	n, err := r.ReceiveStream.Read(p)
	r.lane.touch()
	if err != nil {
		r.leave()
	}
	if err != nil && err != io.EOF {
		err = r.lane.errEnded("read from a lane", err)
	}
	return n, err
}

func (r *laneReader) Cancel() {
	r.CancelRead(cancelCode)
	r.leave()
}

func (r *laneReader) leave() {
	r.ended.Do(func() { r.lane.open.Add(-1) })
}
