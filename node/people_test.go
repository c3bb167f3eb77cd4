package node

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// inWorld runs a test with two people in a world of their own, who are
// contacts.
func inWorld(t *testing.T, test func(t *testing.T, w *world, a, b *person)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(linktest.Conditions{Delay: 5 * time.Millisecond})
		a, b := w.person(t, "A", 0), w.person(t, "B", 0)
		befriend(t, a.node, b.node)
		test(t, w, a, b)
	})
}

func texted(log []Message) string {
	var list []string
	for _, m := range log {
		list = append(list, m.Text)
	}
	return strings.Join(list, " ")
}

func connectionOf(t *testing.T, p *person, name string) Connection {
	t.Helper()
	c, err := p.node.Contact(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c.Connection
}

func TestTimedBlock(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		ctx := t.Context()
		send(t, b.node, "A", "before")
		sleep(time.Minute)
		if _, err := a.node.Block(ctx, "B", time.Hour); err != nil {
			t.Fatal(err)
		}
		sleep(10 * time.Minute)
		during := send(t, b.node, "A", "during")
		if got := connectionOf(t, a, "B"); got != Blocked {
			t.Errorf("the blocked one is shown as %s", got)
		}
		if got := connectionOf(t, b, "A"); got == Connected || got == Blocked {
			t.Errorf("to the blocked one, the other is %s", got)
		}
		if _, err := a.node.Send(ctx, []string{"B"}, "you?", kith.EventID{}); kith.KindOf(err) != kith.Conflict {
			t.Errorf("writing to somebody blocked: %v", err)
		}
		// A block survives a restart and ends by itself.
		a.stop()
		a.start()
		sleep(20 * time.Minute)
		if got := texted(a.log("B")); got != "before" {
			t.Errorf("during the block the log reads %q", got)
		}
		state(t, b.node, during.ID, kith.Pending)
		sleep(time.Hour)
		send(t, b.node, "A", "after")
		sleep(time.Hour)
		if got := texted(a.log("B")); got != "before after" {
			t.Errorf("after the block the log reads %q", got)
		}
		// Nothing tells the blocked one apart from one who was offline.
		state(t, b.node, during.ID, kith.Delivered)
		if found, err := a.node.Search(ctx, "during", "", 10); err != nil || len(found) != 0 {
			t.Errorf("search finds what was written during the block: %v, %v", found, err)
		}
		if _, err := a.node.Unblock(ctx, "B"); err != nil {
			t.Fatal(err)
		}
		if got := texted(a.log("B")); got != "before during after" {
			t.Errorf("unblocked by choice, the log reads %q", got)
		}
	})
}

func TestBlockLiftedByChoice(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		if _, err := a.node.Block(t.Context(), "B", 0); err != nil {
			t.Fatal(err)
		}
		send(t, b.node, "A", "during")
		sleep(72 * time.Hour)
		if _, err := a.node.Unblock(t.Context(), "B"); err != nil {
			t.Fatal(err)
		}
		sleep(time.Hour)
		if got := texted(a.log("B")); got != "during" {
			t.Errorf("the log reads %q", got)
		}
	})
}

func TestHidden(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		ctx := t.Context()
		sleep(time.Minute)
		if _, err := a.node.SetVisible(ctx, false); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		if got := connectionOf(t, b, "A"); got == Connected {
			t.Error("somebody hidden is connected")
		}
		waiting := send(t, a.node, "B", "written while hidden")
		sleep(time.Second)
		send(t, b.node, "A", "are you there?")
		a.stop() // hidden also after a restart
		a.start()
		sleep(time.Hour)
		if got := texted(b.log("A")); got != "are you there?" {
			t.Errorf("B has %q", got)
		}
		state(t, a.node, waiting.ID, kith.Pending)
		if _, err := a.node.SetVisible(ctx, true); err != nil {
			t.Fatal(err)
		}
		state(t, a.node, waiting.ID, kith.Delivered)
		texts(t, a.node, "B", "written while hidden", "are you there?")
	})
}

func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(linktest.Conditions{Delay: 5 * time.Millisecond})
		a, b, c := w.person(t, "A", 0), w.person(t, "B", 0), w.person(t, "C", 0)
		inv, err := a.node.Invite(ctx, InviteOptions{Reusable: true})
		if err != nil {
			t.Fatal(err)
		}
		asked, err := b.node.Join(ctx, inv.Line)
		if err != nil || asked.Relation != kith.Asked {
			t.Fatalf("%v, %v", asked.Relation, err)
		}
		early := send(t, b.node, "A", "before you said yes")
		if _, err := c.node.Join(ctx, inv.Line); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		if got, err := a.node.Contact(ctx, "B"); err != nil || got.Relation != kith.Asking {
			t.Fatalf("the giver sees %v, %v", got.Relation, err)
		}
		if _, err := a.node.Send(ctx, []string{"B"}, "hello", kith.EventID{}); kith.KindOf(err) != kith.Conflict {
			t.Errorf("writing to somebody who asks: %v", err)
		}
		if got := texted(a.log("B")); got != "" {
			t.Errorf("somebody who asks could write %q", got)
		}
		b.stop() // the answer comes while they are away
		if _, err := a.node.Accept(ctx, "B"); err != nil {
			t.Fatal(err)
		}
		if err := a.node.Refuse(ctx, "C"); err != nil {
			t.Fatal(err)
		}
		b.start()
		state(t, b.node, early.ID, kith.Delivered)
		send(t, a.node, "B", "yes")
		texts(t, b.node, "A", "before you said yes", "yes")
		sleep(time.Hour)
		if _, err := a.node.Contact(ctx, "C"); kith.KindOf(err) != kith.NotFound {
			t.Errorf("a refused request is still there: %v", err)
		}
		if got, err := c.node.Contact(ctx, "A"); err != nil || got.Relation != kith.Asked {
			t.Errorf("the refused one sees %v, %v", got.Relation, err)
		}
	})
}

func TestUselessInvitations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(linktest.Conditions{Delay: 5 * time.Millisecond})
		a, b, c := w.person(t, "A", 0), w.person(t, "B", 0), w.person(t, "C", -48*time.Hour)
		line := func(o InviteOptions) string {
			inv, err := a.node.Invite(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			return inv.Line
		}
		join := func(p *person, line string, want kith.ErrorKind, words string) {
			t.Helper()
			_, err := p.node.Join(ctx, line)
			if kith.KindOf(err) != want || !strings.Contains(err.Error(), words) {
				t.Errorf("joining as %s: %v, want %q", p.name, err, words)
			}
			if p != a && words != "damaged" {
				if _, err := p.node.Contact(ctx, "A"); p == c && kith.KindOf(err) != kith.NotFound {
					t.Errorf("a refused request left a contact: %v", err)
				}
			}
		}
		used := line(InviteOptions{})
		join(a, used, kith.Invalid, "your own")
		if _, err := b.node.Join(ctx, used); err != nil {
			t.Fatal(err)
		}
		join(c, used, kith.Conflict, "used already")
		revoked := line(InviteOptions{})
		if err := a.node.Revoke(ctx, revoked); err != nil {
			t.Fatal(err)
		}
		join(c, revoked, kith.Conflict, "taken back")
		short := line(InviteOptions{Expires: time.Hour})
		sleep(2 * time.Hour)
		join(b, short, kith.Conflict, "expired")
		join(c, short, kith.Conflict, "expired") // C's clock is two days behind: A says so
		join(c, "kith:"+short[8:], kith.Invalid, "damaged")
		join(c, "hello", kith.Invalid, "invitation")
	})
}

func TestRemovedContact(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		ctx := t.Context()
		send(t, b.node, "A", "hello")
		texts(t, a.node, "B", "hello")
		account := contactAccount(t, a, "B")
		if err := a.node.Remove(ctx, "B"); err != nil {
			t.Fatal(err)
		}
		lost := send(t, b.node, "A", "still there?")
		sleep(time.Hour)
		state(t, b.node, lost.ID, kith.Pending)
		if got := connectionOf(t, b, "A"); got == Connected {
			t.Error("the removed one is connected")
		}
		// A new invitation brings history and conversation back.
		befriend(t, a.node, b.node)
		texts(t, a.node, account, "hello", "still there?")
	})
}

// A refused request does not take the history with a former contact away.
func TestRefusedAfterRemoval(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, a, b *person) {
		ctx := t.Context()
		send(t, b.node, "A", "hello")
		texts(t, a.node, "B", "hello")
		conv, err := b.node.Conversation(ctx, "A")
		if err != nil {
			t.Fatal(err)
		}
		inv, err := a.node.Invite(ctx, InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		befriendBy(t, w.person(t, "C", 0), inv.Line) // it is used up
		if err := b.node.Remove(ctx, "A"); err != nil {
			t.Fatal(err)
		}
		if err := a.node.Remove(ctx, "B"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.node.Join(ctx, inv.Line); kith.KindOf(err) != kith.Conflict {
			t.Errorf("joining by a used invitation: %v", err)
		}
		texts(t, b.node, conv.ID.String(), "hello")
		if _, err := b.node.Contact(ctx, "A"); kith.KindOf(err) != kith.NotFound {
			t.Errorf("the removed one is a contact again: %v", err)
		}
	})
}

func befriendBy(t *testing.T, p *person, line string) {
	t.Helper()
	if c, err := p.node.Join(t.Context(), line); err != nil || c.Relation != kith.Accepted {
		t.Fatalf("%s joins: %v, %v", p.name, c.Relation, err)
	}
}

func contactAccount(t *testing.T, p *person, name string) string {
	t.Helper()
	c, err := p.node.Contact(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c.Account.String()
}

func TestSameNameOtherKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, a, b *person) {
		impostor := w.person(t, "B", 0)
		befriend(t, a.node, impostor.node)
		c, err := a.node.Contact(t.Context(), impostor.node.run.id.peer.Account.String())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(c.Warning, "different key") {
			t.Errorf("the warning is %q", c.Warning)
		}
		if c, err = a.node.SetVerified(t.Context(), c.Account.String(), true); err != nil || c.Warning != "" || c.Verified == nil {
			t.Errorf("verified: %+v, %v", c, err)
		}
	})
}

func TestSafetyNumbersAreEqual(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		left, err := a.node.SafetyNumber(t.Context(), "B")
		if err != nil {
			t.Fatal(err)
		}
		right, err := b.node.SafetyNumber(t.Context(), "A")
		if err != nil {
			t.Fatal(err)
		}
		if left.Digits != right.Digits || len(strings.ReplaceAll(left.Digits, " ", "")) != 60 {
			t.Errorf("%q and %q", left.Digits, right.Digits)
		}
	})
}

func TestTypingAndReadMarks(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		ctx := t.Context()
		typing := func() bool {
			c, err := b.node.Conversation(ctx, "A")
			if err != nil {
				t.Fatal(err)
			}
			return c.Typing
		}
		sleep(time.Second)
		if err := a.node.SetTyping(ctx, "B", true); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		if !typing() {
			t.Error("typing is not shown")
		}
		sleep(typingLapse)
		if typing() {
			t.Error("typing does not lapse")
		}
		if _, err := a.node.SetPreferences(ctx, Preferences{KeepFiles: KeepOwn}); err != nil {
			t.Fatal(err)
		}
		if err := a.node.SetTyping(ctx, "B", true); err != nil {
			t.Fatal(err)
		}
		msg := send(t, b.node, "A", "hello")
		sleep(time.Second)
		if err := a.node.MarkRead(ctx, "B", kith.EventID{}); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		if typing() {
			t.Error("typing is told though it is switched off")
		}
		state(t, b.node, msg.ID, kith.Delivered)
		if _, err := a.node.SetPreferences(ctx, Preferences{ReadMarks: true, KeepFiles: KeepOwn}); err != nil {
			t.Fatal(err)
		}
		state(t, b.node, msg.ID, kith.Read)
	})
}

func TestPassphraseAndBackup(t *testing.T) {
	ctx := t.Context()
	const old, next, sealed = "correct horse battery", "staple of another kind", "a passphrase for backups"
	home := t.TempDir()
	ann, bob := open(t, home, "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	send(t, ann, "Bob", "a secret text")
	texts(t, bob, "Ann", "a secret text")

	if err := ann.SetPassphrase(ctx, "", "short"); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a short passphrase: %v", err)
	}
	if err := ann.SetPassphrase(ctx, "", old); err != nil {
		t.Fatal(err)
	}
	send(t, ann, "Bob", "after encryption")
	texts(t, bob, "Ann", "a secret text", "after encryption")
	if err := ann.SetPassphrase(ctx, "wrong one", next); kith.KindOf(err) != kith.Invalid {
		t.Errorf("the wrong old passphrase: %v", err)
	}
	if err := ann.SetPassphrase(ctx, old, next); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "kith.backup")
	if err := ann.Backup(ctx, backup, sealed); err != nil {
		t.Fatal(err)
	}
	if err := ann.Backup(ctx, backup, sealed); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second backup of the same name: %v", err)
	}
	send(t, ann, "Bob", "after the backup")
	texts(t, bob, "Ann", "a secret text", "after encryption", "after the backup")
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Options{Home: home, Passphrase: answer(old)}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("opening with the old passphrase: %v", err)
	}
	if _, err := Open(ctx, Options{Home: home}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("opening without a passphrase: %v", err)
	}
	if err := Restore(ctx, RestoreOptions{Home: home, File: backup, Passphrase: sealed, Store: answer(next)}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("restoring over an account: %v", err)
	}
	fresh := t.TempDir()
	if err := Restore(ctx, RestoreOptions{Home: fresh, File: backup, Passphrase: "not this one", Store: answer(next)}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("restoring with a wrong passphrase: %v", err)
	}
	if err := Restore(ctx, RestoreOptions{Home: fresh, File: backup, Passphrase: sealed, Store: answer(next)}); err != nil {
		t.Fatal(err)
	}
	ann, err := Open(ctx, Options{Home: fresh, Passphrase: answer(next), Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ann.Close() })
	// What was written after the backup comes home from Bob.
	texts(t, ann, "Bob", "a secret text", "after encryption", "after the backup")
	send(t, bob, "Ann", "welcome back")
	send(t, ann, "Bob", "thank you")
	texts(t, bob, "Ann", "a secret text", "after encryption", "after the backup", "welcome back", "thank you")
	if err := ann.SetPassphrase(ctx, next, ""); err != nil {
		t.Fatal(err)
	}
	if me, err := ann.Me(ctx); err != nil || me.Encrypted {
		t.Errorf("after taking the passphrase away: %+v, %v", me, err)
	}
	texts(t, ann, "Bob", "a secret text", "after encryption", "after the backup", "welcome back", "thank you")
}

// When hope is given up, that is told: a page must not go on saying that it
// connects.
func TestGivenUpIsTold(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		sleep(time.Minute)
		news := a.node.Subscribe(t.Context(), "")
		b.stop()
		deadline := time.After(time.Hour)
		for {
			select {
			case notice := <-news:
				if notice.Status != nil && notice.Status.Connection == Disconnected {
					return
				}
			case <-deadline:
				t.Fatal("nothing told that the contact can't be reached")
			}
		}
	})
}

func TestOneConversation(t *testing.T) {
	inWorld(t, func(t *testing.T, _ *world, a, b *person) {
		ctx := t.Context()
		if c, err := a.node.Conversation(ctx, "B"); err != nil || c.Last != nil || c.With.Name != "B" {
			t.Errorf("an empty one: %+v, %v", c, err)
		}
		send(t, b.node, "A", "one")
		send(t, b.node, "A", "two")
		sleep(time.Minute)
		all, err := a.node.Conversations(ctx, ConversationPage{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d conversations, %v", len(all), err)
		}
		one, err := a.node.Conversation(ctx, all[0].ID.String())
		if err != nil || one.Unread != 2 || one.Last == nil || one.Last.Text != "two" || one.Last.ID != all[0].Last.ID {
			t.Errorf("%+v, %v", one, err)
		}
	})
}
