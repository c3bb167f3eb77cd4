package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"kith"
	"kith/node"
)

const (
	// silence is how long a stream may say nothing: the server sends a
	// heartbeat every 20 s.
	silence = time.Minute
	// maxNotice bounds one line of a stream: a message of the largest text
	// with every byte escaped, its reactions, and some.
	maxNotice = 4 << 20
)

// Events is what happens at the node from now on, or since the event with the
// ID after. The stream is open when Events returns, so what is loaded then and
// changed by the events lacks nothing. It lives until ctx ends, whether or not
// it is read.
//
// A lost connection is taken up again where it broke off. While that fails the
// sequence yields an error of kind Unreachable for every attempt, with growing
// pauses, and goes on as long as the caller does. After a notice of type reset
// everything has to be loaded again. Any other error is the last element. When
// ctx ends, so does the sequence.
func (c *Client) Events(ctx context.Context, after string) iter.Seq2[node.Numbered, error] {
	s := &stream{client: c, last: after}
	failed := s.open(ctx)
	return func(yield func(node.Numbered, error) bool) {
		defer s.close()
		pause := backoff.NewExponentialBackOff()
		pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 3*time.Second
		for {
			n, err := node.Numbered{}, failed
			if failed = nil; err == nil {
				n, err = s.next(ctx)
			}
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				pause.Reset()
				if !yield(n, nil) {
					return
				}
				continue
			case err == errLost: // worth a word only if it can't be taken up again
			case !yield(node.Numbered{}, err) || kith.KindOf(err) != kith.Unreachable:
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause.NextBackOff()):
			}
		}
	}
}

// errLost ends a stream that had been open.
var errLost = errors.New("the stream of events was lost")

// A stream is one run of Events: at most one connection at a time.
type stream struct {
	client *Client
	last   string // ID of the last event
	opened bool   // ever

	body   io.ReadCloser // nil while there is no connection
	lines  *bufio.Scanner
	alive  *time.Timer // ends the connection after too long a silence
	cancel context.CancelFunc
}

func (s *stream) open(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	header := http.Header{"Accept": {"text/event-stream"}}
	switch {
	case s.last != "":
		header.Set("Last-Event-ID", s.last)
	case s.opened: // nothing came before the loss: let the server say that there may be a hole
		header.Set("Last-Event-ID", "none")
	}
	answer, err := s.client.request(ctx, http.MethodGet, "/events", nil, header)
	if err != nil {
		cancel()
		return err
	}
	s.opened = true
	s.body, s.cancel = answer.Body, cancel
	s.alive = time.AfterFunc(silence, cancel)
	s.lines = bufio.NewScanner(answer.Body)
	s.lines.Buffer(nil, maxNotice)
	return nil
}

func (s *stream) close() {
	if s.body != nil {
		s.alive.Stop()
		s.cancel()
		s.body.Close()
		s.body = nil
	}
}

// next waits for an event. Its errors are those of open, errLost, or that the
// server does not keep to the format.
func (s *stream) next(ctx context.Context) (node.Numbered, error) {
	if s.body == nil {
		if err := s.open(ctx); err != nil {
			return node.Numbered{}, err
		}
	}
	// The server writes one id line and one data line for an event, and
	// comments as heartbeats; whatever else the format allows (see the HTML
	// standard, 9.2.6) is passed over.
	id := s.last
	for s.lines.Scan() {
		s.alive.Reset(silence)
		field, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			id = value
		case "data":
			n := node.Numbered{ID: id}
			if err := json.Unmarshal([]byte(value), &n.Notice); err != nil {
				s.close()
				return node.Numbered{}, kith.Errorf(kith.Internal, "an event of Kith cannot be read: %w", err)
			}
			s.last = id
			return n, nil
		}
	}
	s.close()
	return node.Numbered{}, errLost
}
