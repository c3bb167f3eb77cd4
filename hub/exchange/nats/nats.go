// Package nats is a meeting point of several hubs side by side, which speak
// with one another through a cluster of NATS servers. Nothing is kept there.
//
// Each process has an exchange of its own, and knows for each of its tags which
// other processes listen under it, too:
//
//	PREFIX.meet         joined: who listens there, too, tells it
//	PREFIX.hub.PROCESS  here, left, and notes; a note is answered by how many
//	                    heard it
//
// A process that is gone is forgotten when the cluster says so to a note. After a
// broken connection every process asks again.
package nats

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"kith"
	"kith/hub/cluster"
	"kith/hub/exchange"
	"kith/hubapi"
)

// answerTime is how long a note waits for another process.
const answerTime = time.Second

// waiting bounds the messages of other processes that wait to be handled.
const waiting = 16 << 10

// askTime is how long it is remembered who asked who is there.
const askTime = 10 * time.Second

// A process is one hub of several.
type process [16]byte

// The kinds of messages.
const (
	joined = 'j' // and a number, to be given back in here
	here   = 'h'
	left   = 'l'
	note   = 'n' // and what was said
)

// Exchange is the meeting point of one process among several.
type Exchange struct {
	local  *exchange.Local
	conn   *nats.Conn
	prefix string
	self   process
	in     chan *nats.Msg // of both subjects, so that they stay in order
	done   chan struct{}
	end    sync.Once
	worker sync.WaitGroup

	mu     sync.Mutex // guards all below, and the order of what is sent
	tags   map[hubapi.Tag]*tag
	asks   map[uint32]*ask
	number uint32
	asked  []uint32 // by age
}

var _ exchange.Exchange = (*Exchange)(nil)

// A tag is one that somebody in this process listens under.
type tag struct {
	listeners map[exchange.Listener]bool
	elsewhere map[process]bool
}

// An ask is a listener who wants to hear who else is there.
type ask struct {
	tag  hubapi.Tag
	l    exchange.Listener // nil: the process, after a broken connection
	told map[process]bool
	at   time.Time
}

// Open makes the exchange of this process. At most so many may listen under one
// tag in it.
func Open(cfg cluster.Config, most int) (*Exchange, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	e := &Exchange{
		local: exchange.NewLocal(most), prefix: cfg.Prefix,
		in: make(chan *nats.Msg, waiting), done: make(chan struct{}),
		tags: map[hubapi.Tag]*tag{}, asks: map[uint32]*ask{},
	}
	rand.Read(e.self[:])
	// Messages are worth nothing later.
	e.conn, err = cfg.Connect(nats.ReconnectBufSize(-1), nats.ReconnectHandler(func(*nats.Conn) { e.reconnected() }))
	if err != nil {
		return nil, err
	}
	for _, subject := range []string{e.prefix + ".meet", e.subject(e.self)} {
		if _, err = e.conn.ChanSubscribe(subject, e.in); err != nil {
			break
		}
	}
	if err == nil {
		err = e.conn.Flush()
	}
	if err != nil {
		e.conn.Close()
		return nil, kith.Errorf(kith.Unreachable, "listen for the other hubs in the NATS cluster: %w", err)
	}
	e.worker.Go(e.hear)
	return e, nil
}

// Close leaves the others.
func (e *Exchange) Close() error {
	e.mu.Lock()
	for name, t := range e.tags {
		e.tellLeft(name, t)
	}
	e.mu.Unlock()
	_ = e.conn.FlushTimeout(time.Second) // those who don't hear it find out
	e.conn.Close()
	e.end.Do(func() { close(e.done) })
	e.worker.Wait()
	return nil
}

// hear handles what the others say, one after the other.
func (e *Exchange) hear() {
	for {
		select {
		case <-e.done:
			return
		case m := <-e.in:
			if m.Subject == e.prefix+".meet" {
				e.onMeet(m)
			} else {
				e.onHub(m)
			}
		}
	}
}

func (e *Exchange) subject(p process) string {
	return e.prefix + ".hub." + hex.EncodeToString(p[:])
}

// message begins with its kind, its process, its tag and a number.
func (e *Exchange) message(kind byte, name hubapi.Tag, number uint32, body []byte) []byte {
	b := append([]byte{kind}, e.self[:]...)
	b = append(b, name[:]...)
	return append(binary.BigEndian.AppendUint32(b, number), body...)
}

const messageHead = 1 + 16 + 16 + 4

// parse reads a message. Whoever may write to these subjects is trusted as this
// hub is, but may be of another version.
func parse(b []byte) (kind byte, from process, name hubapi.Tag, number uint32, body []byte, ok bool) {
	if len(b) < messageHead || len(b) > messageHead+hubapi.MaxNote {
		return
	}
	return b[0], process(b[1:17]), hubapi.Tag(b[17:33]), binary.BigEndian.Uint32(b[33:37]), b[messageHead:], true
}

// send sends a message, or doesn't: devices say again what nobody heard.
func (e *Exchange) send(subject string, b []byte) { _ = e.conn.Publish(subject, b) }

// Join implements exchange.Exchange.
func (e *Exchange) Join(name hubapi.Tag, l exchange.Listener) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.local.Join(name, l); err != nil {
		return err
	}
	t := e.tags[name]
	if t == nil {
		t = &tag{map[exchange.Listener]bool{}, map[process]bool{}}
		e.tags[name] = t
	}
	again := t.listeners[l]
	t.listeners[l] = true
	// What is sent under the lock goes out before what answers others.
	e.ask(name, l, again)
	return nil
}

// ask asks the other processes who is there. Those hear nothing themselves if
// the listener was there before. The caller holds the lock.
func (e *Exchange) ask(name hubapi.Tag, l exchange.Listener, again bool) {
	now := time.Now()
	for len(e.asked) > 0 && now.Sub(e.asks[e.asked[0]].at) > askTime {
		delete(e.asks, e.asked[0])
		e.asked = e.asked[1:]
	}
	e.number++
	e.asks[e.number] = &ask{name, l, map[process]bool{}, now}
	e.asked = append(e.asked, e.number)
	body := []byte{0}
	if again {
		body[0] = 1
	}
	e.send(e.prefix+".meet", e.message(joined, name, e.number, body))
}

// Leave implements exchange.Exchange.
func (e *Exchange) Leave(name hubapi.Tag, l exchange.Listener) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.local.Leave(name, l)
	t := e.tags[name]
	if t == nil || !t.listeners[l] {
		return
	}
	if delete(t.listeners, l); len(t.listeners) == 0 {
		delete(e.tags, name)
		e.tellLeft(name, t)
	}
}

// tellLeft tells those who listen elsewhere that nobody does here. The caller
// holds the lock.
func (e *Exchange) tellLeft(name hubapi.Tag, t *tag) {
	for p := range t.elsewhere {
		e.send(e.subject(p), e.message(left, name, 0, nil))
	}
}

// present tells listeners of a tag that somebody is there. The caller holds the
// lock.
func (t *tag) present(name hubapi.Tag, l exchange.Listener) {
	if l != nil {
		if t.listeners[l] {
			l.Present(name)
		}
		return
	}
	for l := range t.listeners {
		l.Present(name)
	}
}

// onMeet hears that somebody joined in another process.
func (e *Exchange) onMeet(m *nats.Msg) {
	kind, from, name, number, body, ok := parse(m.Data)
	if !ok || kind != joined || from == e.self || len(body) < 1 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tags[name]
	if t == nil {
		return
	}
	known := t.elsewhere[from]
	t.elsewhere[from] = true
	if again := body[0] == 1; !again || !known {
		t.present(name, nil)
		for _, a := range e.asks { // who asks at the same time has heard now
			if a.tag == name {
				a.told[from] = true
			}
		}
	}
	e.send(e.subject(from), e.message(here, name, number, nil))
}

// onHub hears what is for this process alone.
func (e *Exchange) onHub(m *nats.Msg) {
	kind, from, name, number, body, ok := parse(m.Data)
	if !ok {
		return
	}
	if kind == note {
		heard, _ := e.local.Say(context.Background(), name, nil, body)
		_ = m.Respond(binary.BigEndian.AppendUint32(nil, uint32(heard)))
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tags[name]
	if t == nil {
		return
	}
	switch kind {
	case left:
		delete(t.elsewhere, from)
	case here:
		t.elsewhere[from] = true
		if a := e.asks[number]; a != nil && a.tag == name && !a.told[from] {
			a.told[from] = true
			t.present(name, a.l)
		}
	}
}

// Say implements exchange.Exchange.
func (e *Exchange) Say(ctx context.Context, name hubapi.Tag, from exchange.Listener, body []byte) (int, error) {
	heard, err := e.local.Say(ctx, name, from, body)
	if err != nil {
		return heard, err
	}
	e.mu.Lock()
	var others []process
	if t := e.tags[name]; t != nil {
		for p := range t.elsewhere {
			others = append(others, p)
		}
	}
	e.mu.Unlock()
	if len(others) == 0 {
		return heard, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	counts := make(chan int, len(others))
	for _, p := range others {
		go func() { counts <- e.sayTo(ctx, p, name, body) }()
	}
	for range others {
		heard += <-counts
	}
	return heard, nil
}

// sayTo passes a note to another process, and tells how many heard it there.
func (e *Exchange) sayTo(ctx context.Context, p process, name hubapi.Tag, body []byte) int {
	answer, err := e.conn.RequestWithContext(ctx, e.subject(p), e.message(note, name, 0, body))
	if err == nil && len(answer.Data) == 4 {
		return int(binary.BigEndian.Uint32(answer.Data))
	}
	if errors.Is(err, nats.ErrNoResponders) { // it is gone
		e.mu.Lock()
		defer e.mu.Unlock()
		if t := e.tags[name]; t != nil {
			delete(t.elsewhere, p)
		}
	}
	return 0
}

// reconnected asks anew who is where: what others said in the meantime is lost.
func (e *Exchange) reconnected() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.tags {
		e.ask(name, nil, true)
	}
}

// Tags implements exchange.Exchange.
func (e *Exchange) Tags() int { return e.local.Tags() }
