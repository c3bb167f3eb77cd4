package node

import (
	"maps"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// In a sphere of 200 everybody keeps a handful of links, and yet a message is
// with all in less than half a second; when some go and others come back, when
// the world falls into two and is joined again, all come to the same.
func TestPartialMesh(t *testing.T) {
	t.Parallel() // with the other one: each keeps hardly more than one processor busy
	size := 200
	if racing || testing.Short() {
		size = 18
	}
	synctest.Test(t, func(t *testing.T) { simulateMesh(t, size) })
}

// meshAim is in what time a message is with everybody who is online, at 50 ms a
// hop.
const meshAim = 400 * time.Millisecond

func simulateMesh(t *testing.T, size int) {
	const hop = 50 * time.Millisecond
	g := gather(t, 1, size, linktest.Conditions{Delay: hop})
	most, average := g.wantMesh()
	g.log("everybody has %.1f links on average, at most %d", average, most)
	wantSpread := func(what string) {
		t.Helper()
		took, missing := g.spread(g.any(g.in()), hop, 2*meshAim)
		if took > meshAim || len(missing) > 0 {
			t.Errorf("%s: after %v %d of %d have a message; the aim is %v", what, took, len(g.in())-len(missing), len(g.in()), meshAim)
		}
		g.log("%s: a message is with all %d online after %v", what, len(g.in()), took)
	}
	for range 2 {
		wantSpread("all are there")
	}

	var gone []*person
	for range size / 10 {
		p := g.any(g.online()[1:])
		p.stop()
		gone = append(gone, p)
	}
	wantSpread("a tenth just went")
	sleep(5 * time.Minute)
	most, average = g.wantMesh()
	g.log("without them everybody has %.1f links on average, at most %d", average, most)
	wantSpread("a tenth is away")
	g.restart()
	sleep(6 * time.Minute)
	for _, p := range gone {
		if said(t, p) != said(t, g.all[0]) {
			t.Errorf("%s came back and lacks something", p.name)
		}
	}

	g.scatter(2)
	sleep(time.Minute)
	for range 10 {
		if _, err := g.write(g.any(g.all[:size-1])); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
	}
	removed := g.all[size-1]
	must[Sphere](t)(g.all[0].node.RemoveMember(t.Context(), hall, removed.name))
	g.heal()
	sleep(15 * time.Minute)
	room, in := g.wantConverged()
	if want := size + 1 + 14; in != size-1 || len(room) < want {
		t.Errorf("%d of %d are in, with %d lines; want at least %d", in, size, len(room), want)
	}
	has := must[kith.Vector](t)(g.stored(removed))
	if len(has) == 0 || !g.cutOff(removed) {
		t.Errorf("%s was removed, has %d authors' events, and others are still linked to it: %v", removed.name, len(has), !g.cutOff(removed))
	}
	most, average = g.wantMesh()
	g.log("in the end everybody has %.1f links on average, at most %d", average, most)
	wantSpread("in the end")
	sleep(time.Minute)
	if now := must[kith.Vector](t)(g.stored(removed)); !maps.Equal(now, has) {
		t.Errorf("%s was removed, and its store goes on from %v to %v", removed.name, has, now)
	}
	if !g.cutOff(removed) {
		t.Errorf("%s was removed, and others linked to it again", removed.name)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	g.log("%d MiB of heap, %d MiB in all", m.HeapAlloc>>20, m.Sys>>20)
}

// stored gives how far the store of a person goes: it has an entry for each author
// of the sphere.
func (g *crowd) stored(p *person) (kith.Vector, error) {
	return p.node.run.store.Have(g.Context(), g.sphere(p).ID)
}

// cutOff reports whether there is no link to a person, so that nothing can be
// written to them.
func (g *crowd) cutOff(p *person) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !slices.ContainsFunc(g.links, func(l *simLink) bool {
		select {
		case <-l.Done():
			return false
		default:
			return l.from == p.at || l.to == p.at
		}
	})
}
