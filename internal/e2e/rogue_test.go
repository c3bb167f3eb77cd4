//go:build linux

package e2e

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/link"
	"kith/seal"
	"kith/session"
	"kith/wire"
)

// A rogue is a contact with a modified program: it joins and authenticates as
// it should, and then says what it likes.
type rogue struct {
	t        *testing.T
	account  ed25519.PrivateKey
	own      kith.Peer
	card     []byte
	endpoint *session.Endpoint
	victim   wire.Invitation
	door     session.Door
	conv     kith.ConversationID
}

// newRogue makes a rogue who is a contact of whoever gave the invitation.
func newRogue(t *testing.T, line string) *rogue {
	t.Helper()
	victim, err := wire.ParseInvitation(line)
	if err != nil {
		t.Fatal(err)
	}
	r := &rogue{t: t, account: seal.NewAccountKey(), victim: victim}
	device := seal.NewDeviceKey()
	r.own = kith.Peer{Account: seal.AccountOf(r.account), Device: seal.DeviceOf(device)}
	r.conv = kith.DirectConversation(r.own.Account, victim.Account)
	if r.card, err = seal.SignCard(r.account, kith.Card{Account: r.own.Account, Version: 1, Name: "Mallory", Devices: []kith.DeviceID{r.own.Device}}); err != nil {
		t.Fatal(err)
	}
	r.endpoint, err = session.Listen(session.Config{Device: device, Account: r.own.Account, Cert: seal.CertifyDevice(r.account, r.own.Device), Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.endpoint.Close(link.Goodbye) })
	r.join()
	return r
}

// join uses the invitation, and learns the door of the pair.
func (r *rogue) join() {
	r.t.Helper()
	r.door = session.Door{Key: seal.InvitationDoor(r.victim.Secret), Account: r.victim.Account}
	l := r.dial()
	defer l.Close(link.Goodbye)
	stream, err := l.Open(r.t.Context(), link.Join)
	if err != nil {
		r.t.Fatal(err)
	}
	half := seal.NewHalf()
	if err := wire.NewWriter(stream).Write(wire.JoinRequest{
		Version: 1, Card: r.card, Half: half,
		Proof: seal.InvitationProof(r.victim.Secret, l.Binding(), r.own.Account),
	}); err != nil {
		r.t.Fatal(err)
	}
	frame, err := wire.NewReader(stream).Read()
	if err != nil {
		r.t.Fatal(err)
	}
	reply, ok := frame.(wire.JoinReply)
	if !ok || reply.Status != wire.JoinAccepted {
		r.t.Fatalf("the answer to an honest request is %+v", frame)
	}
	r.door.Key = seal.PairDoor(seal.PairSecret(r.own.Account, r.victim.Account, half, reply.Half))
}

func (r *rogue) dial() link.Link {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), soon)
	defer cancel()
	l, err := r.endpoint.Dial(ctx, r.door, r.victim.Addresses, "direct")
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// A rant is one talk of a rogue's.
type rant struct {
	*rogue
	link   link.Link
	stream link.Stream
	*wire.Writer
}

// rant begins a talk as an honest contact would, and listens to nothing.
func (r *rogue) rant() *rant {
	r.t.Helper()
	l := r.dial()
	r.t.Cleanup(func() { l.Close(link.Goodbye) })
	stream, err := l.Open(r.t.Context(), link.Talk)
	if err != nil {
		r.t.Fatal(err)
	}
	go io.Copy(io.Discard, stream)
	talk := &rant{r, l, stream, wire.NewWriter(stream)}
	if err := talk.Write(r.hello()); err != nil {
		r.t.Fatal(err)
	}
	return talk
}

// Write writes a frame. That the victim has ended the link is no fault of the
// test, but that the frame can't be encoded is.
func (r *rant) Write(f wire.Frame) error {
	err := r.Writer.Write(f)
	if kith.KindOf(err) == kith.Invalid {
		r.t.Errorf("this can't even be said: %v", err)
	}
	return err
}

func (r *rogue) hello() wire.Hello {
	return wire.Hello{Version: 1, Accepted: true, Card: r.card, Now: time.Now()}
}

// ended waits until the victim has ended the link, and gives why.
func (r *rant) ended() link.Reason {
	r.t.Helper()
	timeout := time.NewTimer(soon)
	defer timeout.Stop()
	select {
	case <-r.link.Done():
	case <-timeout.C:
		r.t.Fatal("the victim goes on listening")
	}
	return r.link.Reason()
}

// endlessly says something again and again until the link ends or that was
// enough.
func (r *rant) endlessly(most int, say func(i int) error) {
	for i := range most {
		if say(i) != nil {
			return
		}
	}
}

// says puts events into a frame as the rogue's own.
func (r *rogue) says(first uint64, events ...kith.Event) wire.Events {
	return r.saysAs(r.own, first, events...)
}

func (r *rogue) saysAs(author kith.Peer, first uint64, events ...kith.Event) wire.Events {
	r.t.Helper()
	frame := wire.Events{Conversation: r.conv, Author: author, First: first}
	for _, ev := range events {
		if ev.ID.IsZero() {
			ev.ID = kith.NewEventID(r.conv, author.Account)
		}
		raw, err := wire.AppendEvent(nil, &ev)
		if err != nil {
			r.t.Fatal(err)
		}
		frame.Events = append(frame.Events, wire.SealedEvent{Raw: raw, Proof: make([]byte, seal.SelfTagSize)})
	}
	return frame
}

// event makes an event as it should be; saysAs gives it its ID.
func event(seq uint64, body kith.Body) kith.Event {
	now := time.Now()
	return kith.Event{Seq: seq, Order: uint64(now.UnixMilli()), Sent: now, Body: body}
}

func text(seq uint64) kith.Event { return event(seq, kith.Text{Text: fmt.Sprintf("rant %d", seq)}) }

// device is a made-up device of an account.
func device(account kith.AccountID, n int) kith.Peer {
	d := kith.DeviceID{0xde, 0x71, 0xce, byte(n >> 8), byte(n)}
	return kith.Peer{Account: account, Device: d}
}

// inhabit starts the nodes of people on this machine.
func inhabit(t *testing.T, conf lab.Kith, names ...string) []*person {
	t.Helper()
	here := lab.Here(t)
	conf.Env = append(conf.Env, "KITH_LOOPBACK=1")
	var all []*person
	for _, name := range names {
		all = append(all, lives(t, here, name, conf))
	}
	return all
}
