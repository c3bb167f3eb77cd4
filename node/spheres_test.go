package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// inSphere runs a test with people who all know A, and whom A brought into the
// sphere "Family".
func inSphere(t *testing.T, p SphereProfile, names []string, test func(t *testing.T, w *world, people map[string]*person)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(linktest.Conditions{Delay: 5 * time.Millisecond})
		people := map[string]*person{"A": w.person(t, "A", 0)}
		a := people["A"]
		name := "Family"
		p.Name = &name
		if _, err := a.node.NewSphere(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			people[name] = w.person(t, name, 0)
			befriend(t, a.node, people[name].node)
			bringIn(t, a, people[name])
		}
		sleep(30 * time.Second) // those who are no contacts have linked
		test(t, w, people)
	})
}

// bringIn has a contact invited and say yes.
func bringIn(t *testing.T, by, who *person) {
	t.Helper()
	if _, err := by.node.InviteToSphere(t.Context(), "Family", []string{who.name}); err != nil {
		t.Fatal(err)
	}
	sleep(time.Second)
	if s := sphereOf(t, who); s.State != "invited" || s.InvitedBy == nil || s.InvitedBy.Name != by.name {
		t.Fatalf("%s sees %+v", who.name, s)
	}
	if _, err := who.node.JoinSphere(t.Context(), "Family"); err != nil {
		t.Fatal(err)
	}
	sleep(time.Second)
	if s := sphereOf(t, who); s.State != "member" {
		t.Fatalf("%s joined and is %q", who.name, s.State)
	}
}

func sphereOf(t *testing.T, p *person) Sphere {
	t.Helper()
	s, err := p.node.Sphere(t.Context(), "Family")
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	return s
}

// said is what of the room's texts a person sees.
func said(t *testing.T, p *person) string {
	t.Helper()
	var list []string
	for _, m := range p.log("Family") {
		if m.Note == nil {
			list = append(list, m.Text)
		}
	}
	return strings.Join(list, " ")
}

func wantSaid(t *testing.T, want string, people ...*person) {
	t.Helper()
	for _, p := range people {
		if got := said(t, p); got != want {
			t.Errorf("%s sees %q; want %q", p.name, got, want)
		}
	}
}

func members(s Sphere) string {
	var list []string
	for _, m := range s.Members {
		list = append(list, m.Name+":"+m.Role)
	}
	return strings.Join(list, " ")
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSphereTalks(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		send(t, b.node, "Family", "hello")
		sleep(time.Second)
		send(t, c.node, "Family", "hi")
		sleep(time.Second)
		wantSaid(t, "hello hi", a, b, c)
		if got := members(sphereOf(t, c)); got != "A:creator B:member C:member" {
			t.Errorf("the members are %s", got)
		}
		// B and C are no contacts, and linked all the same.
		if got := connectionOf(t, b, "C"); got != Connected {
			t.Errorf("to B, C is %s", got)
		}
		if list := must[[]Contact](t)(b.node.Contacts(t.Context())); len(list) != 1 {
			t.Errorf("B has the contacts %v", list)
		}
		if _, err := b.node.Send(t.Context(), []string{"C"}, "psst", kith.EventID{}); kith.KindOf(err) != kith.Conflict {
			t.Errorf("writing to a fellow who is no contact: %v", err)
		}
		last := b.log("Family")
		if m := last[len(last)-2]; m.Text != "hello" || m.State != kith.Delivered {
			t.Errorf("B's words are %q, %s", m.Text, m.State)
		}
	})
}

// Whoever is away gets it from any other member, also if the author is away then.
func TestMembersHandOn(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		c.stop()
		send(t, b.node, "Family", "hello")
		sleep(time.Second)
		last := b.log("Family")
		if m := last[len(last)-1]; m.State != kith.Held {
			t.Errorf("with one of two: %s", m.State)
		}
		b.stop()
		sleep(30 * 24 * time.Hour)
		c.start()
		sleep(time.Minute)
		wantSaid(t, "hello", a, c)
	})
}

func TestSphereByLine(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, d := p["A"], p["B"], w.person(t, "D", 0)
		send(t, a.node, "Family", "before")
		if _, err := b.node.InviteLine(t.Context(), "Family", InviteOptions{}); kith.KindOf(err) != kith.Forbidden {
			t.Errorf("a member who may not invite: %v", err)
		}
		inv := must[Invitation](t)(a.node.InviteLine(t.Context(), "Family", InviteOptions{}))
		must[Contact](t)(d.node.Join(t.Context(), inv.Line))
		sleep(30 * time.Second)
		send(t, d.node, "Family", "here")
		sleep(time.Second)
		wantSaid(t, "before here", a, b)
		wantSaid(t, "here", d) // the history begins with joining
		if list := must[[]Contact](t)(a.node.Contacts(t.Context())); len(list) != 1 {
			t.Errorf("whoever comes into the sphere became a contact: %v", list)
		}
		must[Contact](t)(d.node.Befriend(t.Context(), "B"))
		sleep(time.Second)
		if c := must[Contact](t)(b.node.Contact(t.Context(), "D")); c.Relation != kith.Asking {
			t.Errorf("asked by a fellow, B has %s", c.Relation)
		}
		must[Contact](t)(b.node.Accept(t.Context(), "D"))
		sleep(time.Second)
		send(t, d.node, "B", "psst")
		sleep(time.Second)
		texts(t, b.node, "D", "psst")
	})
}

func TestFullHistory(t *testing.T) {
	yes := true
	inSphere(t, SphereProfile{FullHistory: &yes}, []string{"B"}, func(t *testing.T, w *world, p map[string]*person) {
		a := p["A"]
		send(t, a.node, "Family", "before")
		c := w.person(t, "C", 0)
		befriend(t, a.node, c.node)
		bringIn(t, a, c)
		wantSaid(t, "before", c)
	})
}

// Whoever was removed gets nothing that was written after, and knows it.
func TestRemovedMember(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		send(t, c.node, "Family", "one")
		sleep(time.Second)
		must[Sphere](t)(a.node.RemoveMember(t.Context(), "Family", "C"))
		send(t, a.node, "Family", "two")
		sleep(time.Second)
		send(t, b.node, "Family", "three")
		sleep(time.Minute)
		wantSaid(t, "one two three", a, b)
		wantSaid(t, "one", c)
		if s := sphereOf(t, c); s.State != "removed" {
			t.Errorf("C is %s", s.State)
		}
		if _, err := c.node.Send(t.Context(), []string{"Family"}, "?", kith.EventID{}); kith.KindOf(err) != kith.Forbidden && kith.KindOf(err) != kith.Conflict {
			t.Errorf("writing after being removed: %v", err)
		}
		bringIn(t, a, c)
		send(t, c.node, "Family", "back")
		sleep(time.Second)
		wantSaid(t, "one two three back", a, b)
		wantSaid(t, "one back", c)
	})
}

// A message that crosses with the removal of its author counts nowhere.
func TestRemovalCrossesMessage(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		w.sever(a.at, b.at)
		w.sever(a.at, c.at)
		send(t, c.node, "Family", "crossing")
		sleep(time.Second)
		wantSaid(t, "crossing", b, c)
		must[Sphere](t)(a.node.RemoveMember(t.Context(), "Family", "C"))
		w.heal()
		sleep(time.Hour)
		wantSaid(t, "", a, b)
	})
}

func TestMutedMember(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		sleep(300 * time.Microsecond) // clocks seldom show whole milliseconds, as records do
		must[Sphere](t)(a.node.Mute(t.Context(), "Family", "C", kith.MaxMute))
		must[Sphere](t)(a.node.Mute(t.Context(), "Family", "C", 0))
		must[Sphere](t)(a.node.Mute(t.Context(), "Family", "B", kith.MinMute))
		sleep(time.Second)
		if s := sphereOf(t, b); s.MutedUntil == nil {
			t.Error("B does not know of being muted")
		}
		if _, err := b.node.Send(t.Context(), []string{"Family"}, "quiet", kith.EventID{}); err == nil {
			t.Error("somebody muted can write")
		}
		for name, says := range map[string]string{"a": `"a" is you; name another member`, "Zed": `nobody else called "Zed" is in the sphere`} {
			if _, err := a.node.Mute(t.Context(), "Family", name, kith.MinMute); err == nil || err.Error() != says {
				t.Errorf("muting %s: %v", name, err)
			}
		}
		if _, err := a.node.Mute(t.Context(), "Family", "B", 25*time.Hour); kith.KindOf(err) != kith.Invalid {
			t.Errorf("muting for more than a day: %v", err)
		}
		sleep(time.Hour)
		send(t, b.node, "Family", "again")
		sleep(time.Second)
		wantSaid(t, "again", a, b, c)
	})
}

func TestLeaveAndHandOver(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		a, b, c := p["A"], p["B"], p["C"]
		if _, err := a.node.LeaveSphere(t.Context(), "Family"); kith.KindOf(err) != kith.Conflict {
			t.Errorf("the creator leaves without handing over: %v", err)
		}
		must[Sphere](t)(a.node.HandOver(t.Context(), "Family", "B"))
		sleep(time.Second)
		must[Sphere](t)(a.node.LeaveSphere(t.Context(), "Family"))
		sleep(time.Second)
		if got := members(sphereOf(t, c)); got != "B:creator C:member" {
			t.Errorf("the members are %s", got)
		}
		must[Sphere](t)(b.node.Promote(t.Context(), "Family", "C"))
		sleep(time.Second)
		d := w.person(t, "D", 0)
		inv := must[Invitation](t)(c.node.InviteLine(t.Context(), "Family", InviteOptions{}))
		must[Contact](t)(d.node.Join(t.Context(), inv.Line))
		sleep(time.Second)
		send(t, d.node, "Family", "new")
		sleep(time.Second)
		wantSaid(t, "new", b, c, d)
		wantSaid(t, "", a)
		for _, q := range []*person{b, c, d} {
			q.stop()
			q.start()
		}
		sleep(time.Minute)
		if got := members(sphereOf(t, d)); got != "B:creator C:admin D:member" {
			t.Errorf("after a restart the members are %s", got)
		}
	})
}

// A contact to whom there is a link comes in by a line as well as anybody else.
func TestContactJoinsByALine(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	name := "Family"
	must[Sphere](t)(ann.NewSphere(t.Context(), SphereProfile{Name: &name}))
	for _, reusable := range []bool{true, false} {
		inv := must[Invitation](t)(ann.InviteLine(t.Context(), name, InviteOptions{Reusable: reusable}))
		if c := must[Contact](t)(bob.Join(t.Context(), inv.Line)); c.Relation != kith.Accepted {
			t.Fatalf("%+v", c)
		}
		eventually(t, bob, "a member", func() error {
			if s, err := bob.Sphere(t.Context(), name); err != nil || s.State != "member" {
				return kith.Errorf(kith.Conflict, "%+v, %v", s, err)
			}
			return nil
		})
		must[Sphere](t)(bob.LeaveSphere(t.Context(), name))
		eventually(t, ann, "alone", func() error {
			if s, err := ann.Sphere(t.Context(), name); err != nil || len(s.Members) != 1 {
				return kith.Errorf(kith.Conflict, "%+v, %v", s, err)
			}
			return nil
		})
	}
	used := must[Invitation](t)(ann.InviteLine(t.Context(), name, InviteOptions{}))
	must[[]Invitation](t)(ann.Invitations(t.Context()))
	if err := ann.Revoke(t.Context(), used.Line); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Join(t.Context(), used.Line); kith.KindOf(err) != kith.Conflict {
		t.Errorf("by an invitation that was taken back: %v", err)
	}
	if c := must[Contact](t)(bob.Contact(t.Context(), "Ann")); c.Relation != kith.Accepted || c.Connection != Connected {
		t.Errorf("after a refusal: %+v", c)
	}
}
