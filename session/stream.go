package session

import (
	"io"

	"github.com/quic-go/quic-go"

	"kith/link"
)

// A quicStream is a stream of a quicLink. The quic stream's own methods are
// hidden where they differ from link.Stream's.
type quicStream struct {
	*quic.Stream
	link    *quicLink
	purpose link.Purpose
	// unsaid is true until the purpose was written. It goes out with the first
	// bytes, so that it costs no packet of its own. Owned by the writer.
	unsaid bool
}

var _ link.Stream = (*quicStream)(nil)

// cancelCode is the application error code of both directions of a cancelled
// stream. There is nothing to tell apart.
const cancelCode = 0

// Read reads what has arrived.
func (s *quicStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if err != nil && err != io.EOF {
		err = s.link.errEnded("read from a stream", err)
	}
	return n, err
}

// Write hands p to the link. It waits for flow control and congestion control.
func (s *quicStream) Write(p []byte) (int, error) {
	const small = 1 << 10 // up to this the purpose and p go out as one
	said := 0
	if s.unsaid {
		s.unsaid = false
		first := append([]byte{byte(s.purpose)}, p[:min(len(p), small)]...)
		s.link.expect()
		n, err := s.Stream.Write(first)
		said = max(0, n-1)
		if err != nil {
			return said, s.link.errEnded("write to a stream", err)
		}
		if said == len(p) {
			return said, nil
		}
	}
	s.link.expect()
	n, err := s.Stream.Write(p[said:])
	if err != nil {
		err = s.link.errEnded("write to a stream", err)
	}
	return said + n, err
}

// Close ends the own direction.
func (s *quicStream) Close() error {
	if s.unsaid {
		if _, err := s.Write(nil); err != nil {
			return err
		}
	}
	if err := s.Stream.Close(); err != nil {
		return s.link.errEnded("close a stream", err)
	}
	return nil
}

// Cancel gives both directions up.
func (s *quicStream) Cancel() {
	s.CancelRead(cancelCode)
	s.CancelWrite(cancelCode)
}
