package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
	"kith/store"
)

// calm is a world that loses nothing.
func calm() *world { return newWorld(linktest.Conditions{Delay: 10 * time.Millisecond}) }

func TestLetterForSomebodyAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriendAway(t, w, d)
		for _, text := range []string{"one", "two", "three"} {
			send(t, a.node, "B", text)
			sleep(100 * time.Millisecond)
		}
		a.is("B", kith.Pending)
		sleep(2 * time.Second)
		m := a.is("B", kith.Held)
		if m.HeldBy != "hub.example" || m.HeldUntil == nil || !m.HeldUntil.Equal(m.HeldUntil.Truncate(time.Millisecond)) {
			t.Errorf("held by %q until %v", m.HeldBy, m.HeldUntil)
		}
		if r := a.receipt(m); r.HeldBy != "hub.example" || r.HeldUntil == nil || r.Delivered != nil {
			t.Errorf("the ledger: %+v", r)
		}
		if n := d.everLeft(); n != 1 {
			t.Errorf("three lines took %d letters", n)
		}
		sleep(24 * time.Hour) // nothing more is left for it
		if n := d.everLeft(); n != 1 {
			t.Errorf("a letter that lies there was left %d times", n)
		}

		a.stop()
		b.start()
		if came, dropped := b.fetch(); came != 1 || dropped != 0 {
			t.Errorf("%d came, %d of them were dropped", came, dropped)
		}
		b.reads("A", "one", "two", "three")
		sleep(30 * time.Second)
		if n := d.everLeft(); n != 1 {
			t.Errorf("word of it was given at once: %d letters", n)
		}
		send(t, b.node, "A", "four") // takes the word of what came with it
		sleep(2 * time.Minute)
		if n := d.everLeft(); n != 2 {
			t.Errorf("%d letters, want 2", n)
		}
		b.is("A", kith.Held)
		b.stop()
		a.start()
		a.is("B", kith.Held)
		a.fetch()
		a.is("B", kith.Delivered)
		a.reads("B", "one", "two", "three", "four")
		sleep(time.Hour) // word of "four" goes, and none of that word
		if n := d.everLeft(); n != 3 {
			t.Errorf("%d letters, want 3", n)
		}
		a.stop()
		b.start()
		b.fetch()
		b.is("A", kith.Delivered)
		sleep(time.Hour)
		if n := d.everLeft(); n != 3 || d.lying() != 0 {
			t.Errorf("%d letters, want 3; %d lie there", n, d.lying())
		}
	})
}

// However a message came first, it is there once, and the ledger says so.
func TestLetterAndLinkRace(t *testing.T) {
	for _, first := range []string{"the letter", "the link"} {
		t.Run(first+" is first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot("hub.example")
				a, b := penFriendAway(t, calm(), d)
				a.leaves("B", "one")
				b.start()
				if first == "the letter" {
					b.fetch()
				}
				send(t, a.node, "B", "two")
				sleep(time.Minute)
				b.fetch()
				b.reads("A", "one", "two")
				a.is("B", kith.Delivered)
				sleep(24 * time.Hour)
				if n := d.everLeft(); n > 2 {
					t.Errorf("%d letters", n)
				}
			})
		})
	}
}

// A mailbox that loses everything loses nothing: the next link brings it, and if
// there is none it is left again when the time is over.
func TestMailboxLosesEverything(t *testing.T) {
	for _, linked := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDepot("hub.example")
			a, b := penFriendAway(t, calm(), d)
			send(t, a.node, "B", "one")
			sleep(10 * time.Second)
			if lost := d.lose(); lost != 1 {
				t.Fatalf("%d letters were lost", lost)
			}
			a.is("B", kith.Held)
			if linked {
				b.start()
				sleep(time.Minute)
				a.is("B", kith.Delivered)
				b.reads("A", "one")
				return
			}
			sleep(kept + 7*time.Hour)
			a.is("B", kith.Held)
			if d.lying() != 1 {
				t.Errorf("it was not left again")
			}
			a.stop()
			b.start()
			b.fetch()
			b.reads("A", "one")
		})
	}
}

// Letters that come out of order, twice and again later bring everything once.
func TestLettersShuffledAndRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot("hub.example")
		a, b := penFriendAway(t, calm(), d)
		var want []string
		for _, text := range []string{"one", "two", "three", "four", "five", "six"} {
			send(t, a.node, "B", text)
			want = append(want, text)
			sleep(10 * time.Second)
		}
		a.stop()
		b.start()
		envelopes := d.mail(b.node.run)[a.account]
		if len(envelopes) != 6 {
			t.Fatalf("%d letters", len(envelopes))
		}
		slices.Reverse(envelopes)
		for range 2 {
			for i, err := range b.node.run.mailsCame(t.Context(), a.account, "hub", slices.Concat(envelopes, envelopes[:3])) {
				if err != nil {
					t.Errorf("envelope %d: %v", i, err)
				}
			}
		}
		b.reads("A", want...)
		if dropped := b.node.run.dropped.snapshot(); len(dropped) > 0 {
			t.Errorf("counted as bad: %v", dropped)
		}
	})
}

// Of letters of which the first is lost, the word of what came tells so, and all
// is left again.
func TestFirstLetterIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriendsApart(t, w, d)
		send(t, a.node, "B", "one")
		sleep(10 * time.Second)
		d.lose()
		send(t, a.node, "B", "two")
		sleep(10 * time.Second)
		b.fetch()
		b.reads("A")
		sleep(2 * time.Minute)
		a.fetch()
		sleep(10 * time.Second)
		b.fetch()
		b.reads("A", "one", "two")
		sleep(2 * time.Minute)
		a.fetch()
		a.is("B", kith.Delivered)
	})
}

// sessions gives those with another's device, after it put back what they were.
func (p *person) sessions(t *testing.T, with *person, state *store.Correspondent) store.Correspondent {
	t.Helper()
	peer := kith.Peer{Account: with.account, Device: p.node.run.mailOf(with.account)}
	if state != nil {
		if err := p.node.run.store.Update(t.Context(), func(tx *store.Tx) error { return tx.PutCorrespondent(*state) }); err != nil {
			t.Fatal(err)
		}
	}
	known, err := p.node.run.store.Correspondent(t.Context(), peer)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// mailOf is the device of an account with which letters are exchanged.
func (r *run) mailOf(account kith.AccountID) kith.DeviceID {
	r.mail.mu.Lock()
	defer r.mail.mu.Unlock()
	for peer := range r.mail.known {
		if peer.Account == account {
			return peer.Device
		}
	}
	return kith.DeviceID{}
}

// A ratchet state that went back, on either side, heals by itself, and nothing is
// lost.
func TestRatchetSetBack(t *testing.T) {
	for _, name := range []string{"of who reads", "of who writes", "of both"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, d := calm(), newDepot("hub.example")
				a, b := penFriendsApart(t, w, d)
				var want []string
				say := func(p, other *person, text string) {
					send(t, p.node, other.name, text)
					want = append(want, text)
					sleep(3 * time.Minute)
					other.fetch()
					sleep(3 * time.Minute)
					p.fetch()
				}
				say(a, b, "a1")
				say(b, a, "b1")
				oldA, oldB := a.sessions(t, b, nil), b.sessions(t, a, nil)
				for range 3 {
					say(a, b, "a")
					say(b, a, "b")
				}
				if name != "of who reads" {
					a.sessions(t, b, &oldA)
				}
				if name != "of who writes" {
					b.sessions(t, a, &oldB)
				}
				say(a, b, "a after")
				say(b, a, "b after")
				left := d.everLeft()
				for range 20 { // wishes for new sessions go to and fro by letters
					sleep(6 * time.Minute)
					a.fetch()
					b.fetch()
				}
				a.reads("B", want...)
				b.reads("A", want...)
				a.is("B", kith.Delivered)
				b.is("A", kith.Delivered)
				if n := d.everLeft() - left; n > 20 {
					t.Errorf("it took %d letters to heal", n)
				}
				say(a, b, "a at last")
				b.reads("A", want...)
			})
		})
	}
}

// A device that comes back from a backup is another one: it gets what is owed when
// it is linked, and letters from then on.
func TestLettersAfterRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriendAway(t, w, d)
		a.leaves("B", "to the old one")
		b.start()
		err := b.node.run.store.Update(t.Context(), func(tx *store.Tx) error { return tx.PutSetting(setRestored, []byte{1}) })
		if err != nil {
			t.Fatal(err)
		}
		before := b.node.run.id.peer.Device
		w.sever(a.at, b.at)
		b.stop()
		b.start()
		if b.node.run.id.peer.Device == before {
			t.Fatal("it is the same device")
		}
		send(t, b.node, "A", "from the new one")
		sleep(time.Minute)
		b.is("A", kith.Pending)
		if came, _ := b.fetch(); came != 0 {
			t.Errorf("%d letters for another device came", came)
		}
		if r := b.receipt(b.ledger("A")); !strings.Contains(r.Reason, "connected once") {
			t.Errorf("the ledger: %+v", r)
		}
		w.heal()
		sleep(time.Hour)
		b.reads("A", "to the old one", "from the new one")
		b.is("A", kith.Delivered)
		w.sever(a.at, b.at)
		sleep(time.Minute)
		send(t, a.node, "B", "to the new one")
		sleep(time.Second)
		send(t, b.node, "A", "and back")
		sleep(time.Minute)
		a.is("B", kith.Held)
		b.is("A", kith.Held)
		a.fetch()
		b.fetch()
		a.reads("B", "to the old one", "from the new one", "to the new one", "and back")
		b.reads("A", "to the old one", "from the new one", "to the new one", "and back")
		list, err := a.node.run.store.Correspondents(t.Context())
		if err != nil || len(list) != 1 {
			t.Errorf("%d correspondents, %v", len(list), err)
		}
	})
}

// Letters of somebody blocked are dropped; what was in them comes when they are
// let in again, as over a link.
func TestLettersOfSomebodyBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriends(t, w, d)
		if _, err := b.node.Block(t.Context(), "A", 0); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		a.leaves("B", "let me in")
		if came, dropped := b.fetch(); came != 1 || dropped != 1 {
			t.Errorf("%d came, %d were dropped", came, dropped)
		}
		b.reads("A")
		sleep(time.Hour)
		if d.lying() > 0 {
			t.Error("somebody blocked got word")
		}
		if _, err := b.node.Unblock(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		sleep(time.Hour)
		b.reads("A", "let me in")
		a.is("B", kith.Delivered)
	})
}

// A hub that refuses makes room for the next; if all do, the ledger says why, and
// it is tried again.
func TestHubsRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot("one.example", "two.example")
		a, b := penFriendAway(t, calm(), d)
		full := kith.Errorf(kith.Full, "one.example: the box is full")
		d.refuse("one.example", full)
		if m := a.leaves("B", "one"); m.HeldBy != "two.example" {
			t.Errorf("held by %q", m.HeldBy)
		}
		d.refuse("two.example", errors.New("two.example: gone"))
		send(t, a.node, "B", "two")
		sleep(10 * time.Second)
		if r := a.receipt(a.is("B", kith.Pending)); !strings.Contains(r.Reason, "example: ") {
			t.Errorf("the ledger: %+v", r)
		}
		sleep(24 * time.Hour)
		d.refuse("one.example", nil)
		sleep(time.Hour + time.Minute)
		if m := a.is("B", kith.Held); m.HeldBy != "one.example" {
			t.Errorf("held by %q", m.HeldBy)
		}
		b.start()
		b.fetch()
		b.reads("A", "one", "two")
	})
}

// Without a key of theirs nothing can be sealed, and it waits, as it does from
// somebody who is hidden.
func TestNothingToSealWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDepot("hub.example")
		a, b := penFriendAway(t, calm(), d)
		if _, err := a.node.SetVisible(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		send(t, a.node, "B", "one")
		sleep(time.Minute)
		a.is("B", kith.Pending)
		if _, err := a.node.SetVisible(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		a.is("B", kith.Held)

		peer := kith.Peer{Account: b.account, Device: a.node.run.mailOf(b.account)}
		err := a.node.run.store.Update(t.Context(), func(tx *store.Tx) error {
			known, err := tx.Correspondent(peer)
			if err != nil {
				return err
			}
			known.Sessions = nil
			for {
				bundle, err := tx.TakeBundle(peer)
				if bundle == nil || err != nil {
					return errors.Join(err, tx.PutCorrespondent(known))
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		send(t, a.node, "B", "two")
		sleep(time.Minute)
		if r := a.receipt(a.is("B", kith.Pending)); !strings.Contains(r.Reason, "connected once") {
			t.Errorf("the ledger: %+v", r)
		}
		b.start()
		sleep(time.Minute)
		a.is("B", kith.Delivered)
		if n, err := a.node.run.store.Bundles(t.Context(), peer); err != nil || n != prekeysHeld {
			t.Errorf("%d prekeys after a link, %v", n, err)
		}
	})
}
