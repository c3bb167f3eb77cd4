//go:build linux

package session

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	"kith/link"
	"kith/wire"
)

// A word is what goes between the test and the processes that it runs in the
// networks of a lab: this test binary again, with playEnv set.
type word struct {
	Offer     []byte          `json:",omitempty"` // a half
	Candidate *wire.Candidate `json:",omitempty"`
	Path      *link.Path      `json:",omitempty"` // of the link
	Took      time.Duration   `json:",omitempty"` // from making the offer to the link
	Mirrors   []string        `json:",omitempty"` // ask these about the NAT
	Report    *NATReport      `json:",omitempty"` // what they say
	Again     bool            `json:",omitempty"` // begin; or, said by a process: it is ready
	Direct    bool            `json:",omitempty"` // with Again: without relays
	Cold      bool            `json:",omitempty"` // begin to know nothing of the network
	Error     string          `json:",omitempty"`
}

const (
	playEnv = "KITH_SESSION_PLAY" // "hub", "offer" or "answer"
	hubEnv  = "KITH_SESSION_HUB"  // its address
	labTime = 40 * time.Second
)

// TestPlay is what the processes do. On its own it does nothing.
func TestPlay(t *testing.T) {
	role := os.Getenv(playEnv)
	if role == "" {
		t.Skip("this is for the processes that the tests in a lab start")
	}
	var mu sync.Mutex
	say := func(w word) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(os.Stdout).Encode(w)
	}
	heard := make(chan word, 64)
	go func() {
		defer close(heard)
		in := json.NewDecoder(os.Stdin)
		for {
			var w word
			if in.Decode(&w) != nil {
				return
			}
			heard <- w
		}
	}()
	hub := os.Getenv(hubEnv)
	if role == "hub" {
		playHub(t, hub)
		say(word{Again: true})
		for range heard { // until the test ends
		}
		return
	}
	_, cfg := identity()
	cfg.Loopback = false
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(link.Goodbye) })
	if err := e.SetICE(ICEConfig{Servers: []ICEServer{
		{URL: "turn:" + hub + ":3478?transport=udp", Username: "user", Password: turnPassword},
		{URL: "turn:" + hub + ":443?transport=tcp", Username: "user", Password: turnPassword},
	}}); err != nil {
		t.Fatal(err)
	}
	say(word{Again: true})
	p := &actor{t: t, endpoint: e, say: say, answers: role == "answer"}
	for w := range heard {
		if err := p.take(w); err != nil {
			say(word{Error: err.Error()})
		}
	}
}

// An actor is one side of links, in a process of its own.
type actor struct {
	t        *testing.T
	endpoint *Endpoint
	say      func(word)
	answers  bool
	offering *Offering // the latest
	direct   bool      // it is without relays
	start    time.Time // of it
}

// take does what a word asks for.
func (a *actor) take(w word) (err error) {
	switch {
	case w.Cold:
		a.endpoint.NetworkChanged()
	case w.Mirrors != nil:
		report, err := a.endpoint.NAT(a.t.Context(), w.Mirrors)
		a.say(word{Report: &report})
		return err
	case w.Again:
		a.start, a.direct = time.Now(), w.Direct
		make := a.endpoint.OfferNow
		if a.direct {
			make = a.endpoint.OfferDirect
		}
		a.offering, err = make(a.t.Context())
		return a.tell(err)
	case w.Candidate != nil:
		a.offering.Add(*w.Candidate)
	case w.Offer != nil:
		half, err := wire.ParseOffer(w.Offer)
		if err != nil {
			return err
		}
		if a.answers {
			a.start = time.Now()
			make := a.endpoint.AnswerNow
			if w.Direct {
				make = a.endpoint.AnswerDirect
			}
			a.offering, err = make(a.t.Context(), half)
			if err := a.tell(err); err != nil {
				return err
			}
			go play(a.t, a.offering, nil, a.start, a.say)
			return nil
		}
		go play(a.t, a.offering, &half, a.start, a.say)
	}
	return nil
}

// tell says the own half and what trickles, unless there was an error.
func (a *actor) tell(err error) error {
	if err != nil {
		return err
	}
	o := a.offering
	half, err := wire.AppendOffer(nil, o.Local())
	if err != nil {
		return err
	}
	a.say(word{Offer: half, Direct: a.direct})
	go func() {
		for c := range o.Trickle() {
			a.say(word{Candidate: &c})
		}
	}()
	return nil
}

// play connects, and checks that the link carries something.
func play(t *testing.T, o *Offering, answer *wire.Offer, start time.Time, say func(word)) {
	ctx, stop := context.WithTimeout(t.Context(), labTime)
	defer stop()
	l, err := o.Connect(ctx, answer)
	if err != nil {
		say(word{Error: err.Error()})
		return
	}
	took := time.Since(start)
	p := make([]byte, 4)
	var s link.Stream
	if answer != nil {
		if s, err = l.Open(ctx, link.Talk); err == nil {
			_, err = s.Write([]byte("ping"))
		}
	} else {
		_, s, err = l.Accept(ctx)
	}
	if err == nil {
		_, err = s.Read(p)
	}
	if answer == nil && err == nil {
		_, err = s.Write([]byte("pong"))
	}
	if err != nil {
		say(word{Error: err.Error()})
		return
	}
	path := l.Path()
	say(word{Path: &path, Took: took})
	if answer != nil {
		l.Close(link.Goodbye)
	}
}

// playHub serves TURN at ports 3478 and 3479 for UDP, and 443 for TCP.
func playHub(t *testing.T, at string) {
	relays := func() turn.RelayAddressGenerator {
		return &turn.RelayAddressGeneratorStatic{RelayAddress: net.ParseIP(at), Address: at}
	}
	var udp []turn.PacketConnConfig
	for _, port := range []string{":3478", ":3479"} {
		c, err := net.ListenPacket("udp4", at+port)
		if err != nil {
			t.Fatal(err)
		}
		udp = append(udp, turn.PacketConnConfig{PacketConn: c, RelayAddressGenerator: relays()})
	}
	tcp, err := net.Listen("tcp4", at+":443")
	if err != nil {
		t.Fatal(err)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm:         "test",
		LoggerFactory: pionLog{newNode(t).log},
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(r.Username, "test", turnPassword), true
		},
		PacketConnConfigs: udp,
		ListenerConfigs:   []turn.ListenerConfig{{Listener: tcp, RelayAddressGenerator: relays()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
}
