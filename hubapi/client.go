package hubapi

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kith"
)

// Timing of a client.
const (
	retryFirst = time.Second      // after a connection was lost; then ever longer
	retryLast  = time.Minute      // up to here
	stayed     = 10 * time.Second // a connection that lasted so long was a good one
	patience   = 4 * time.Second  // for an answer, until a connection counts as dead
	greetLimit = 15 * time.Second
	writeLimit = 15 * time.Second
	pingEvery  = 50 * time.Second // shorter than NATs and proxies forget
	silence    = 2*pingEvery + 20*time.Second
	askAgain   = 5 * time.Minute // before credentials of a relay run out
)

// Events is told what a hub says. Its methods are called one after another, and
// return soon; Connected before all others of a connection.
type Events interface {
	// Connected tells that the hub greeted us. The tags and boxes are told to
	// it anew by the client itself.
	Connected(Welcome)
	Present(Tag)
	Note(tag Tag, body []byte)
	// Mail is an envelope; call Client.Taken when it is on disk.
	Mail(Mail)
	Notice(Notice)
	// Relay tells credentials that are new; see Client.Relay.
	Relay(Relay)
	// Space tells of the hub's seedbox; see Client.Space.
	Space(Space)
	// Changed tells that State did.
	Changed()
}

// A Phase is how a client does.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting"
	Connected  Phase = "connected"
	Waiting    Phase = "waiting" // until State.Next
	KeptOut    Phase = "blocked" // by the hub's moderator, until State.Next
	Stopped    Phase = "stopped"
)

// A State is how a client does, for people.
type State struct {
	Phase  Phase
	Reason string    // why it is not connected; a sentence
	Since  time.Time // of Phase
	Next   time.Time // see Phase
	Parts  []string  // of the hub, once it said so
}

// An OwnBox is a box as its owner has it.
type OwnBox struct {
	Key   ed25519.PrivateKey
	Token Hash // by which others leave envelopes
}

// Options of a Client.
type Options struct {
	URL string             // as ParseURL gives it
	Key ed25519.PrivateKey // of this device for this hub
	// Since is the last notice that is known.
	Since  uint64
	Events Events
	HTTP   *http.Client // for its TLS settings; nil: those of the system
	Log    *slog.Logger
}

// A Client is one device's connection to one hub, made again whenever it is
// lost. Its methods may be called from any goroutine, at any time.
type Client struct {
	opt    Options
	host   string
	hasten chan struct{} // connect now; holds one
	// telling is held while the hub is told of tags or boxes, so that what it
	// hears last is what is so.
	telling sync.Mutex

	mu      sync.Mutex // guards the rest
	state   State
	conn    *conn     // nil unless greeted
	greeted time.Time // when the last connection was
	tags    map[Tag]bool
	boxes   []OwnBox
	since   uint64
	relay   Relay
	space   Space
	number  uint64
	pending map[uint64]chan uint64   // notes that wait for Sent
	publish map[Hash]chan publishing // bundles that wait for Published
}

type publishing struct {
	until time.Time
	err   error
}

// New makes a client, which Run connects.
func New(opt Options) *Client {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.HTTP == nil {
		opt.HTTP = http.DefaultClient
	}
	return &Client{
		opt: opt, host: Host(opt.URL), hasten: make(chan struct{}, 1), since: opt.Since,
		state: State{Phase: Stopped, Reason: "Not started yet.", Since: time.Now()},
		tags:  map[Tag]bool{}, pending: map[uint64]chan uint64{}, publish: map[Hash]chan publishing{},
	}
}

// URL is the hub's.
func (c *Client) URL() string { return c.opt.URL }

// Key is what this device is called on the hub.
func (c *Client) Key() Key { return KeyOf(c.opt.Key) }

// State tells how the client does.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Parts = slices.Clone(s.Parts)
	return s
}

func (c *Client) setState(phase Phase, reason string, next time.Time) {
	c.mu.Lock()
	changed := c.state.Phase != phase || c.state.Reason != reason
	if c.state.Phase != phase {
		c.state.Since = time.Now()
	}
	c.state.Phase, c.state.Reason, c.state.Next = phase, reason, next
	c.mu.Unlock()
	if changed {
		c.opt.Events.Changed()
	}
}

// Hasten connects at once if the client waits, and looks whether a connection
// still lives: the network changed, or somebody pressed the button.
func (c *Client) Hasten() {
	select {
	case c.hasten <- struct{}{}:
	default:
	}
}

// Run keeps a connection until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	defer c.setState(Stopped, "This device does not look for others now.", time.Time{})
	pause := retryFirst
	for ctx.Err() == nil {
		c.setState(Connecting, "", time.Time{})
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if c.served(began) > stayed {
			pause = retryFirst
		}
		wait := time.Duration(float64(pause) * (0.5 + rand.Float64()))
		pause = min(2*pause, retryLast)
		phase, reason := Waiting, sentence(err)
		var out *keptOut
		if errors.As(err, &out) {
			phase, wait = KeptOut, max(time.Until(out.until), retryFirst)
		}
		c.opt.Log.Debug("no connection to a hub", "reason", reason)
		c.setState(phase, reason, time.Now().Add(wait))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-c.hasten:
			pause = retryFirst
		}
	}
	return ctx.Err()
}

func sentence(err error) string {
	if err == nil {
		return "the hub ended the connection"
	}
	return err.Error()
}

// served is how long the connection that began then was in use.
func (c *Client) served(began time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.greeted.Before(began) {
		return 0
	}
	return time.Since(c.greeted)
}

// keptOut says that a moderator blocked this device.
type keptOut struct {
	until time.Time
	text  string
}

func (k *keptOut) Error() string {
	return fmt.Sprintf("the hub's moderator blocked this device until %s: %s", k.until.Format(time.DateTime), k.text)
}

// connect makes one connection and serves it until it ends.
func (c *Client) connect(ctx context.Context) error {
	conn, welcome, err := c.greet(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	defer context.AfterFunc(ctx, conn.goodbye)()
	c.begin(conn, welcome)
	defer c.lost(conn)
	stop := make(chan struct{})
	defer close(stop)
	go c.tend(conn, stop)
	for {
		f, err := conn.read()
		if err != nil {
			return err
		}
		if err := c.heard(conn, f); err != nil {
			return err
		}
	}
}

// begin tells a hub that greeted us all that it has to know.
func (c *Client) begin(conn *conn, welcome *Welcome) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	c.conn = conn
	c.greeted = time.Now()
	c.state.Parts = welcome.Parts
	tags := make([]Tag, 0, len(c.tags))
	for tag := range c.tags {
		tags = append(tags, tag)
	}
	boxes := slices.Clone(c.boxes)
	c.mu.Unlock()
	c.setState(Connected, "", time.Time{})
	c.opt.Events.Connected(*welcome)
	conn.listen(tags, nil)
	if slices.Contains(welcome.Parts, PartMailbox) {
		conn.open(boxes)
	}
	if slices.Contains(welcome.Parts, PartRelay) {
		conn.send(&AskRelay{})
	}
}

// tend pings, and asks for new credentials before the old ones run out.
func (c *Client) tend(conn *conn, stop chan struct{}) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ping.C:
			conn.ping(silence)
		case <-c.hasten:
			conn.ping(patience) // a dead connection is then found soon
		}
		c.mu.Lock()
		asks := c.relay.Until > 0 && time.Until(Time(c.relay.Until)) < askAgain
		c.mu.Unlock()
		if asks {
			conn.send(&AskRelay{})
		}
	}
}

// lost forgets a connection, and lets go whoever waits for an answer over it.
func (c *Client) lost(conn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == conn {
		c.conn = nil
	}
	for number, answer := range c.pending {
		close(answer)
		delete(c.pending, number)
	}
	for name, answer := range c.publish {
		answer <- publishing{err: kith.Errorf(kith.Unreachable, "the connection to the hub %s was lost", c.host)}
		delete(c.publish, name)
	}
}

func (c *Client) current() (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		reason := c.state.Reason
		if reason == "" {
			reason = "the connection is being made"
		}
		return nil, kith.Errorf(kith.Unreachable, "the hub %s can't be used now: %s", c.host, reason)
	}
	return c.conn, nil
}

// greet connects and says hello.
func (c *Client) greet(ctx context.Context) (*conn, *Welcome, error) {
	ctx, cancel := context.WithTimeout(ctx, greetLimit)
	defer cancel()
	dialer := websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: greetLimit,
		Subprotocols:     []string{SocketProtocol},
		ReadBufferSize:   4 << 10,
		WriteBufferSize:  4 << 10,
	}
	if t, ok := c.opt.HTTP.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		dialer.TLSClientConfig = t.TLSClientConfig.Clone()
		dialer.TLSClientConfig.NextProtos = nil // a WebSocket is HTTP/1.1
	}
	ws, resp, err := dialer.DialContext(ctx, "ws"+c.opt.URL[len("http"):]+PathSocket, nil)
	if err != nil {
		if resp != nil {
			return nil, nil, fmt.Errorf("connect to the hub %s: %w", c.host, problem(resp))
		}
		return nil, nil, silent(err)
	}
	conn := newConn(ws, c.host)
	defer context.AfterFunc(ctx, conn.close)()
	welcome, err := conn.greet(c.opt.Key, c.sinceNotice())
	if err != nil {
		conn.close()
		return nil, nil, err
	}
	return conn, welcome, nil
}

func (c *Client) sinceNotice() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}
