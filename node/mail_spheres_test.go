package node

import (
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/store"
)

// circle gives three people who share a sphere and told each other where letters
// may be left.
func circle(t *testing.T, w *world, d *depot) (a, b, c *person) {
	t.Helper()
	a, b, c = w.mailer(t, "A", 0, d), w.mailer(t, "B", 0, d), w.mailer(t, "C", 0, d)
	befriend(t, a.node, b.node)
	befriend(t, a.node, c.node)
	name := "Family"
	must[Sphere](t)(a.node.NewSphere(t.Context(), SphereProfile{Name: &name}))
	bringIn(t, a, b)
	bringIn(t, a, c)
	sleep(time.Minute)
	return a, b, c
}

// A sphere's words go to each absent member, fellow or contact, and with them what
// the member lacks of the roster. The ledger tells of each.
func TestLettersInASphere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b, c := circle(t, w, d)
		c.stop()
		sleep(time.Minute)
		// B and C know each other as fellow members only.
		send(t, b.node, "Family", "from B")
		sleep(time.Minute)
		if d.lying() != 1 {
			t.Fatalf("%d letters", d.lying())
		}
		if m := b.is("Family", kith.Held); m.Has != 1 {
			t.Errorf("%d have it", m.Has)
		}
		must[Sphere](t)(a.node.Promote(t.Context(), "Family", "B"))
		send(t, a.node, "Family", "B is an admin now")
		sleep(time.Minute)
		a.stop()
		b.stop()
		c.start()
		c.fetch()
		c.reads("Family", "from B", "B is an admin now")
		if s := sphereOf(t, c); len(s.Members) != 3 {
			t.Errorf("%d members", len(s.Members))
		}
		sleep(2 * time.Minute)
		c.stop()
		a.start()
		a.fetch()
		a.is("Family", kith.Delivered)
	})
}

// Whoever was removed gets no letter of what was written since, and what they
// leave is not taken.
func TestNoLettersForTheRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, _, c := circle(t, w, d)
		c.stop()
		sleep(time.Minute)
		must[Sphere](t)(a.node.RemoveMember(t.Context(), "Family", "C"))
		send(t, a.node, "Family", "without C")
		sleep(time.Hour)
		if d.lying() != 0 {
			t.Errorf("%d letters lie for somebody removed", d.lying())
		}
	})
}

// What somebody writes who does not know yet that they were removed is not shown.
func TestLettersOfTheRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b, c := circle(t, w, d)
		w.sever(a.at, c.at)
		w.sever(b.at, c.at)
		sleep(time.Minute)
		must[Sphere](t)(a.node.RemoveMember(t.Context(), "Family", "C"))
		send(t, c.node, "Family", "I am still here")
		sleep(time.Minute)
		c.is("Family", kith.Held)
		a.fetch()
		a.reads("Family")
		if n := a.node.run.dropped.snapshot()["a letter about a sphere that is not common"]; n != 1 {
			t.Errorf("%d letters were counted", n)
		}
	})
}

// Prekeys run out, and are given again over the next link.
func TestPrekeysRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriendsApart(t, w, d)
		peer := kith.Peer{Account: b.account, Device: a.node.run.mailOf(b.account)}
		var want []string
		for n := range prekeysHeld + 1 {
			text := string(rune('a' + n))
			send(t, a.node, "B", text)
			sleep(10 * time.Second)
			if n == prekeysHeld {
				a.is("B", kith.Pending)
				break
			}
			want = append(want, text)
			b.fetch()
			b.reads("A", want...)
			known := a.sessions(t, b, nil)
			known.Sessions = nil // as if it had been lost
			a.sessions(t, b, &known)
		}
		w.heal()
		sleep(time.Hour)
		w.sever(a.at, b.at)
		if n := must[int](t)(a.node.run.store.Bundles(t.Context(), peer)); n != prekeysHeld {
			t.Errorf("%d prekeys after a link", n)
		}
		send(t, a.node, "B", "sealed again")
		sleep(time.Minute)
		a.is("B", kith.Held)
		b.fetch()
		b.reads("A", append(want, "d", "sealed again")...)
	})
}

// Somebody who asks for new sessions all the time gets one in a while, and is
// never asked for one in answer.
func TestWishesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := calm(), newDepot("hub.example")
		a, b := penFriends(t, w, d)
		w.sever(a.at, b.at)
		send(t, b.node, "A", "hello")
		sleep(time.Minute)
		a.fetch()
		left := d.everLeft()
		contact, _ := a.node.run.people.get(b.account)
		ask := func() []byte {
			var envelope []byte
			device := b.node.run.id.peer
			err := a.node.run.store.Update(t.Context(), func(tx *store.Tx) error {
				known, err := tx.Correspondent(device)
				if err != nil {
					return err
				}
				known.Wished = time.Time{} // forget that it asked
				return tx.PutCorrespondent(known)
			})
			if err != nil {
				t.Fatal(err)
			}
			envelope, err = a.node.run.mail.askAnew(t.Context(), &contact, device)
			if err != nil || envelope == nil {
				t.Fatalf("%d bytes, %v", len(envelope), err)
			}
			return envelope
		}
		granted := 0
		for range 20 {
			envelope := ask()
			for again := range 2 {
				switch err := b.node.run.mailCame(t.Context(), a.account, "hub", envelope); {
				case err == nil && again == 0:
					granted++
				case err != nil && kith.KindOf(err) != kith.BadPeer:
					t.Fatal(err)
				}
			}
			sleep(30 * time.Second)
		}
		if granted != 2 { // of ten minutes
			t.Errorf("%d wishes were granted", granted)
		}
		// Garbage and strangers' envelopes make it ask once, not for each.
		for range 20 {
			garbage := make([]byte, 400)
			garbage[0] = 1
			if err := b.node.run.mailCame(t.Context(), a.account, "hub", garbage); kith.KindOf(err) != kith.BadPeer {
				t.Errorf("garbage: %v", err)
			}
			sleep(time.Second)
		}
		sleep(time.Minute)
		if n := d.everLeft() - left; n > 8 {
			t.Errorf("%d letters were left for it", n)
		}
	})
}
