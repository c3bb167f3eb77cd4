package node

import (
	"sync"
	"testing"
	"time"

	"kith"
)

// Who left a sphere, and starts when its members are no longer kept in reach,
// forgets them.
func TestStartsLongAfterLeaving(t *testing.T) {
	inSphere(t, SphereProfile{}, []string{"B", "C"}, func(t *testing.T, w *world, p map[string]*person) {
		b := p["B"]
		must[Sphere](t)(b.node.LeaveSphere(t.Context(), "Family"))
		sleep(time.Minute)
		b.stop()
		sleep(partingTime)
		b.start()
		if _, ok := b.node.run.people.get(p["C"].account); ok {
			t.Error("a former fellow is kept")
		}
	})
}

// Many use one line at the same time. Each can be linked again by who let them
// in, also after they left and came back unseen.
func TestManyJoinAtOnce(t *testing.T) {
	inSphere(t, SphereProfile{}, nil, func(t *testing.T, w *world, p map[string]*person) {
		a := p["A"]
		inv := must[Invitation](t)(a.node.InviteLine(t.Context(), "Family", InviteOptions{Reusable: true}))
		var joined []*person
		for _, name := range []string{"B", "C", "D", "E", "F"} {
			joined = append(joined, w.person(t, name, 0))
		}
		var joining sync.WaitGroup
		for _, q := range joined {
			joining.Go(func() { must[Contact](t)(q.node.Join(t.Context(), inv.Line)) })
		}
		joining.Wait()
		sleep(time.Minute)
		relink := func() {
			t.Helper()
			for _, q := range joined {
				w.sever(a.at, q.at)
			}
			w.heal()
			sleep(time.Minute)
			for _, q := range joined {
				if !a.node.run.links.has(q.account) {
					t.Errorf("%s is not linked any more", q.name)
				}
			}
		}
		relink()

		b, c := joined[0], joined[1]
		must[Sphere](t)(a.node.Promote(t.Context(), "Family", "C"))
		sleep(time.Second)
		line := must[Invitation](t)(c.node.InviteLine(t.Context(), "Family", InviteOptions{})).Line
		must[Sphere](t)(b.node.LeaveSphere(t.Context(), "Family"))
		sleep(time.Minute)
		if _, ok := a.node.run.people.get(b.account); ok {
			t.Error("who left is still a fellow")
		}
		must[Contact](t)(b.node.Join(t.Context(), line))
		sleep(time.Minute)
		relink()
		if c, ok := b.node.run.people.get(a.account); !ok || c.Relation != kith.Fellow {
			t.Errorf("to B, A is %s", c.Relation)
		}
	})
}
