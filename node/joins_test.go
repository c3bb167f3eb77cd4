package node

import (
	"testing"

	"kith"
)

// Somebody who is in one sphere with the giver of a line, and no contact, uses
// it over the link that there is: into the same sphere again, into another, and
// to become a contact. Only the last asks for that.
func TestFellowUsesALine(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B"}, func(t *testing.T, w *world, people map[string]*person) {
		a, d := people["A"].node, w.person(t, "D", 0).node
		relations := func(want kith.Relation) {
			t.Helper()
			for n, other := range map[*Node]string{a: "D", d: "A"} {
				if c, err := n.Contact(t.Context(), other); err != nil || c.Relation != want {
					t.Errorf("%s is %q, want %q (%v)", other, c.Relation, want, err)
				}
			}
		}
		in := func(sphere string) {
			t.Helper()
			sleep(joinPatience / 10)
			if s, err := d.Sphere(t.Context(), sphere); err != nil || s.State != "member" {
				t.Errorf("in %s D is %q (%v)", sphere, s.State, err)
			}
		}
		line := must[Invitation](t)(a.InviteLine(t.Context(), "Family", InviteOptions{Reusable: true})).Line
		for range 2 {
			must[Contact](t)(d.Join(t.Context(), line))
			in("Family")
			relations(kith.Fellow)
		}
		name := "Friends"
		must[Sphere](t)(a.NewSphere(t.Context(), SphereProfile{Name: &name}))
		must[Contact](t)(d.Join(t.Context(), must[Invitation](t)(a.InviteLine(t.Context(), name, InviteOptions{})).Line))
		in("Friends")
		relations(kith.Fellow)

		must[Contact](t)(d.Join(t.Context(), must[Invitation](t)(a.Invite(t.Context(), InviteOptions{})).Line))
		relations(kith.Accepted)
	})
}

// A sphere that one left does not stand in the way of another of the same name.
func TestNameOfASphereThatWasLeft(t *testing.T) {
	n, name := open(t, t.TempDir(), "Ann"), "Family"
	first := must[Sphere](t)(n.NewSphere(t.Context(), SphereProfile{Name: &name}))
	second := must[Sphere](t)(n.NewSphere(t.Context(), SphereProfile{Name: &name}))
	if _, err := n.Sphere(t.Context(), name); kith.KindOf(err) != kith.Conflict {
		t.Errorf("one name for two: %v", err)
	}
	must[Sphere](t)(n.LeaveSphere(t.Context(), first.ID.String()))
	if s := must[Sphere](t)(n.Sphere(t.Context(), name)); s.ID != second.ID {
		t.Errorf("%s is the sphere that was left", name)
	}
	must[Sphere](t)(n.LeaveSphere(t.Context(), name))
	if s := must[Sphere](t)(n.Sphere(t.Context(), first.ID.String()[:8])); s.State != "left" {
		t.Errorf("by its ID the first is %q", s.State)
	}
}
