package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// Several admins who bring in, put out, promote, mute and write, cut off from
// each other and together again, stopped and started: at the end everybody who
// is in the sphere sees the same room and the same people, and nobody who is not
// has a word by somebody who knew that.
func TestSphereConverges(t *testing.T) {
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulateSphere(t, seed, 5, 120) })
		})
	}
}

func simulateSphere(t *testing.T, seed uint64, size, steps int) {
	ctx := t.Context()
	random := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(linktest.Conditions{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Seed: seed})
	yes, name := true, "Family"
	var all []*person
	for i := range size {
		all = append(all, w.person(t, fmt.Sprintf("P%d", i), 0))
		for _, other := range all[:i] {
			befriend(t, other.node, all[i].node)
		}
	}
	must[Sphere](t)(all[0].node.NewSphere(ctx, SphereProfile{Name: &name, FullHistory: &yes}))
	for _, p := range all[1:] {
		bringIn(t, all[0], p)
	}
	must[Sphere](t)(all[0].node.Promote(ctx, name, "P1"))
	must[Sphere](t)(all[0].node.Promote(ctx, name, "P2"))
	sleep(time.Minute)

	wrote, refused := 0, 0
	for range steps {
		sleep(time.Duration(random.IntN(20)) * time.Second)
		p, other := all[random.IntN(size)], all[random.IntN(size)]
		if p.node == nil {
			p.start()
			continue
		}
		s, err := p.node.Sphere(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		switch roll := random.IntN(100); {
		case roll < 50:
			_, err = p.node.Send(ctx, []string{name}, fmt.Sprintf("%s-%d by one who knows of %s.", p.name, wrote, insiders(s)), kith.EventID{})
			wrote++
		case roll < 58:
			_, err = p.node.RemoveMember(ctx, name, other.name)
		case roll < 68:
			_, err = p.node.InviteToSphere(ctx, name, []string{other.name})
		case roll < 78:
			_, err = p.node.JoinSphere(ctx, name)
		case roll < 82:
			_, err = p.node.Promote(ctx, name, other.name)
		case roll < 84:
			_, err = p.node.Demote(ctx, name, other.name)
		case roll < 86:
			_, err = p.node.Mute(ctx, name, other.name, time.Hour)
		case roll < 92:
			w.sever(p.at, other.at)
		case roll < 96:
			w.heal()
		default:
			p.stop()
		}
		if err != nil {
			refused++ // they may not, or not now; whoever may is drawn often enough
		}
	}
	for _, p := range all {
		if p.node == nil {
			p.start()
		}
	}
	w.heal()
	sleep(3 * time.Hour)

	reference := sphereOf(t, all[0])
	room := outlines(all[0].log(name))
	for _, p := range all {
		if !strings.Contains(insiders(reference), p.name+",") {
			for _, m := range p.log(name) {
				if m.Note == nil && m.Text != "" && !m.Mine && !strings.Contains(m.Text, p.name+",") {
					t.Errorf("%s, who is not in, has %q", p.name, m.Text)
				}
			}
			continue
		}
		if got := members(sphereOf(t, p)); got != members(reference) {
			t.Errorf("to %s the members are\n%s\nto %s\n%s", p.name, got, all[0].name, members(reference))
		}
		if got := outlines(p.log(name)); !slices.Equal(got, room) {
			t.Errorf("the room of %s:\n%s\nof %s:\n%s", p.name, strings.Join(got, "\n"), all[0].name, strings.Join(room, "\n"))
		}
	}
	if len(room) < steps/8 {
		t.Errorf("%d lines in the room: the simulation does too little", len(room))
	}
	t.Logf("%d lines, %d of %d members, %d acts refused", len(room), len(reference.Members), size, refused)
}

// insiders names the members, each with a comma behind.
func insiders(s Sphere) string {
	var b strings.Builder
	for _, m := range s.Members {
		fmt.Fprintf(&b, "%s,", m.Name)
	}
	return b.String()
}
