package node

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith/link/linktest"
)

// Fifty people, several of them admins who act at once and against each other,
// in a world that falls into parts and is joined again; some leave and come
// back, some are away for a month, some are put out for good, one restores a
// backup. In the end all who are in see the same, and who was put out has no
// word by somebody who knew it.
func TestSphereOfManyConverges(t *testing.T) {
	t.Parallel() // with the other one: each keeps hardly more than one processor busy
	size, rounds, acts := 50, 4, 24
	if racing || testing.Short() {
		size, rounds, acts = 14, 1, 8
	}
	synctest.Test(t, func(t *testing.T) { simulateCrowd(t, 3, size, rounds, acts) })
}

func simulateCrowd(t *testing.T, seed uint64, size, rounds, acts int) {
	g := gather(t, seed, size, linktest.Conditions{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.01, Seed: seed})
	for i := range 4 {
		must[Sphere](t)(g.all[i/2].node.Promote(t.Context(), hall, g.all[i+1].name))
		sleep(time.Minute)
	}
	outcasts, travellers := g.all[size-5:], g.all[size-9:size-5]
	g.lost = outcasts
	crossing := g.crossRemoval(g.all[1], outcasts[0])
	keeper := g.all[5]
	g.backUp(keeper)

	for round := range rounds {
		g.scatter(1 + round%3)
		for i := range acts {
			g.act()
			if i%2 == 0 {
				sleep(time.Duration(g.random.IntN(10)) * time.Second)
			}
		}
		if out := outcasts[round%len(outcasts)]; round > 0 {
			g.tried(func() error {
				_, err := g.admin(g.online()[0]).node.RemoveMember(t.Context(), hall, out.name)
				return err
			})
		}
		sleep(time.Minute)
		switch round {
		case 0:
			for _, p := range travellers {
				p.stop()
			}
		case 1:
			g.restore(keeper)
		case rounds / 2: // nobody is there for a month, and the travellers for longer
			for _, p := range g.online() {
				p.stop()
			}
			sleep(30 * 24 * time.Hour)
			for _, p := range g.all[:size-9] {
				p.start()
			}
		}
		if round%2 == 1 {
			g.heal()
			sleep(10 * time.Minute)
		}
	}
	g.restart()
	g.heal()
	for _, p := range outcasts { // those who were not put out yet
		g.tried(func() error { _, err := g.all[0].node.RemoveMember(t.Context(), hall, p.name); return err })
	}
	sleep(2 * time.Hour) // mutings end, too

	room, in := g.wantConverged()
	for _, line := range room {
		if strings.Contains(line, crossing) {
			t.Errorf("what was written beside the removal of its author counts: %s", line)
		}
	}
	if in < size/2 || in > size-len(outcasts) || len(room) < g.wrote/2 {
		t.Errorf("%d of %d are in, with %d lines of %d written: the simulation does too little", in, size, len(room), g.wrote)
	}
	g.log("%d of %d are in, with %d lines; %d acts, of which %d were refused", in, size, len(room), g.acted, g.refused)
}

// crossRemoval has an admin put somebody out who writes at the same time to
// others, out of reach of the admin. It gives what they wrote.
func (g *crowd) crossRemoval(by, who *person) (text string) {
	g.Helper()
	part := map[netip.AddrPort]int{}
	for i, p := range g.all {
		part[p.at] = i % 2
	}
	part[by.at], part[who.at] = 0, 1
	g.split(part)
	sleep(time.Minute)
	must[Sphere](g.T)(by.node.RemoveMember(g.Context(), hall, who.name))
	text = must[string](g.T)(g.write(who))
	sleep(time.Minute)
	heard := 0
	for _, p := range g.online() {
		if strings.Contains(said(g.T, p), text) {
			heard++
		}
	}
	if heard < 2 {
		g.Errorf("%d heard what %s wrote before the removal was known", heard, who.name)
	}
	g.heal()
	sleep(10 * time.Minute)
	return text
}

const backupSeal = "a passphrase of the backup"

func (g *crowd) backup(p *person) string { return filepath.Join(p.home, "backup.kith") }

// backUp has somebody make a backup, and then write what is not in it.
func (g *crowd) backUp(p *person) {
	g.Helper()
	if err := p.node.Backup(g.Context(), g.backup(p), backupSeal); err != nil {
		g.Fatal(err)
	}
	for range 3 {
		must[string](g.T)(g.write(p))
		sleep(time.Second)
	}
	sleep(time.Minute)
}

// restore has somebody lose all but the backup.
func (g *crowd) restore(p *person) {
	g.Helper()
	if p.node != nil {
		p.stop()
	}
	file, home := g.backup(p), g.TempDir()
	if err := Restore(g.Context(), RestoreOptions{Home: home, File: file, Passphrase: backupSeal}); err != nil {
		g.Fatal(err)
	}
	p.home = home
	p.start()
	for range 2 {
		g.tried(func() error { _, err := g.write(p); return err })
	}
}

// tried counts an act, which may be refused: they may not, or not now.
func (g *crowd) tried(act func() error) {
	g.acted++
	if err := act(); err != nil {
		g.refused++
	}
}

// act does one random thing.
func (g *crowd) act() {
	p, other := g.any(g.all), g.any(g.all[1:])
	if p.node == nil {
		if g.random.IntN(2) == 0 {
			p.start()
		}
		return
	}
	ctx, admin := g.Context(), g.admin(p)
	g.tried(func() (err error) {
		switch roll := g.random.IntN(100); {
		case roll < 45:
			_, err = g.write(p)
		case roll < 55:
			_, err = admin.node.RemoveMember(ctx, hall, other.name)
		case roll < 70:
			if back := g.out(); back != nil {
				err = g.back(back)
			}
		case roll < 77:
			_, err = admin.node.Promote(ctx, hall, other.name)
		case roll < 81:
			_, err = admin.node.Demote(ctx, hall, other.name)
		case roll < 85:
			_, err = admin.node.Mute(ctx, hall, other.name, time.Hour)
		case roll < 88:
			about := fmt.Sprint("described by ", admin.name, " at ", g.acted)
			_, err = admin.node.DescribeSphere(ctx, hall, SphereProfile{About: &about})
		case roll < 89:
			_, err = admin.node.HandOver(ctx, hall, other.name)
		case roll < 91:
			if p != g.all[0] {
				_, err = p.node.LeaveSphere(ctx, hall)
			}
		default:
			p.stop()
		}
		return err
	})
}

// admin gives somebody who may direct others, as they see it, or p.
func (g *crowd) admin(p *person) *person {
	all := g.online()
	for _, at := range rand.New(rand.NewPCG(g.random.Uint64(), 0)).Perm(len(all)) {
		if role := g.sphere(all[at]).Role; role == "creator" || role == "admin" {
			return all[at]
		}
	}
	return p
}

// out gives somebody who is out and wants to come back; nil if nobody is.
func (g *crowd) out() *person {
	for _, p := range g.online() {
		if s := g.sphere(p); (s.State == "left" || s.State == "removed") && !g.isLost(p) {
			g.returned[p] = true
			return p
		}
	}
	return nil
}
