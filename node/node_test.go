package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"kith"
)

// open starts a node with a real port on the loopback interface.
func open(t *testing.T, home, name string) *Node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("KITH_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name)
	}
	n, err := Open(t.Context(), Options{Home: home, Folders: home, Log: log, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	if name != "" {
		if _, err := n.SetName(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// befriend makes two nodes contacts by a single-use invitation.
func befriend(t *testing.T, a, b *Node) {
	t.Helper()
	inv, err := a.Invite(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Join(t.Context(), inv.Line)
	if err != nil {
		t.Fatal(err)
	}
	if c.Relation != kith.Accepted {
		t.Fatalf("relation after joining is %q", c.Relation)
	}
}

// eventually waits for a condition, looking whenever the node has news.
func eventually(t *testing.T, n *Node, what string, holds func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	news := n.Subscribe(ctx, "")
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-news:
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// texts waits until a conversation reads like this.
func texts(t *testing.T, n *Node, ref string, want ...string) []Message {
	t.Helper()
	var last []Message
	eventually(t, n, "the log of "+ref, func() error {
		log, err := n.Log(t.Context(), ref, Page{})
		if err != nil {
			return err
		}
		last = log
		var got []string
		for _, msg := range log {
			got = append(got, msg.Text)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("it reads %q, want %q", got, want)
		}
		return nil
	})
	return last
}

func send(t *testing.T, n *Node, ref, text string) Message {
	t.Helper()
	msgs, err := n.Send(t.Context(), []string{ref}, text, kith.EventID{})
	if err != nil {
		t.Fatal(err)
	}
	return msgs[0]
}

// state waits until a message is in a state.
func state(t *testing.T, n *Node, id kith.EventID, want kith.DeliveryState) {
	t.Helper()
	eventually(t, n, "the state of a message", func() error {
		msg, err := n.Message(t.Context(), id.String())
		if err != nil {
			return err
		}
		if msg.State != want {
			return fmt.Errorf("it is %s, want %s", msg.State, want)
		}
		return nil
	})
}

func TestTwoPeopleTalk(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)

	hello := send(t, bob, "Ann", "hello")
	texts(t, ann, "Bob", "hello")
	state(t, bob, hello.ID, kith.Delivered)
	if err := ann.MarkRead(t.Context(), "Bob", kith.EventID{}); err != nil {
		t.Fatal(err)
	}
	state(t, bob, hello.ID, kith.Read)

	if _, err := ann.Reply(t.Context(), hello.ID.String(), "hi there"); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Edit(t.Context(), hello.ID.String(), "hello Ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.React(t.Context(), hello.ID.String(), "👋"); err != nil {
		t.Fatal(err)
	}
	texts(t, bob, "Ann", "hello Ann", "hi there")
	texts(t, ann, "Bob", "hello Ann", "hi there")
	if _, err := ann.Edit(t.Context(), hello.ID.String(), "not mine"); kith.KindOf(err) != kith.Forbidden {
		t.Errorf("editing somebody else's message: %v", err)
	}
	if _, err := bob.Delete(t.Context(), hello.ID.String()); err != nil {
		t.Fatal(err)
	}
	texts(t, ann, "Bob", "", "hi there")
}

func TestWrittenWhileAway(t *testing.T) {
	home := t.TempDir()
	ann, bob := open(t, home, "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	first := send(t, bob, "Ann", "are you there?")
	if first.State != kith.Pending {
		t.Errorf("a message to somebody absent is %s", first.State)
	}
	send(t, bob, "Ann", "call me")
	ann = open(t, home, "")
	texts(t, ann, "Bob", "are you there?", "call me")
	state(t, bob, first.ID, kith.Delivered)
}

// answer gives a passphrase whenever one is asked.
func answer(passphrase string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return passphrase, nil }
}

// seclude shuts the doors, seeks nobody and ends all links. It is to be repeated
// until the end of the last link is noted, for that opens the doors again.
func (r *run) seclude() error {
	r.refresh.doing.Lock()
	r.net.SetDoors(nil)
	r.pursuit.SetTargets(nil)
	r.refresh.doing.Unlock()
	links := r.links.of(kith.AccountID{})
	r.links.closeAll(0)
	for _, c := range r.people.all() {
		r.refresh.mu.Lock()
		stale := r.refresh.stale
		r.refresh.mu.Unlock()
		if stale || len(links) > 0 || c.LastSeen.IsZero() {
			return fmt.Errorf("%d links, last seen %v, a refresh is due: %v", len(links), c.LastSeen, stale)
		}
	}
	return nil
}

func TestPastedOffer(t *testing.T) {
	ctx := t.Context()
	annHome, bobHome := t.TempDir(), t.TempDir()
	ann, bob := open(t, annHome, "Ann"), open(t, bobHome, "Bob")
	befriend(t, ann, bob)
	for _, n := range []*Node{ann, bob} {
		eventually(t, n, "nobody finding the other by themselves", func() error { return n.run.seclude() })
	}
	offer, err := ann.Offer(ctx, "Bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.AnswerOffer(ctx, "Bob", offer); kith.KindOf(err) != kith.Invalid {
		t.Errorf("pasting one's own line: %v", err)
	}
	line, err := bob.AnswerOffer(ctx, "", offer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.AnswerOffer(ctx, "Bob", line); err != nil {
		t.Fatal(err)
	}
	send(t, ann, "Bob", "over a pasted line")
	texts(t, bob, "Ann", "over a pasted line")
	status, err := ann.Status(ctx)
	if err != nil || len(status.Contacts) != 1 || len(status.Contacts[0].Links) != 1 || status.Contacts[0].Links[0].Way != "offer" {
		t.Errorf("status %+v, %v", status, err)
	}
}

func TestSecondNodeOnTheSameHome(t *testing.T) {
	home := t.TempDir()
	open(t, home, "Ann")
	if _, err := Open(t.Context(), Options{Home: home}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second node: %v", err)
	}
}

func TestNoticesResume(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	for i := range 3 {
		ann.notices.publish(Notice{Type: fmt.Sprint(i)})
	}
	var last string
	read := func(after string, want ...string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		news := ann.Subscribe(ctx, after)
		for _, kind := range want {
			notice := <-news
			if notice.Type != kind {
				t.Errorf("after %q came %q, want %q", after, notice.Type, kind)
			}
			last = notice.ID
		}
	}
	read(fmt.Sprintf("%s-%d", ann.notices.epoch, ann.notices.next-4), "0", "1", "2")
	resumed := last
	ann.notices.publish(Notice{Type: "3"})
	read(resumed, "3")
	read("another-process-7", "reset")
	for range ringSize + 1 {
		ann.notices.publish(Notice{Type: "more"})
	}
	read(resumed, "reset")
}
