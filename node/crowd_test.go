package node

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kith"
	"kith/link/linktest"
	"kith/meet"
)

// A crowd is a sphere of many in a world, made of whole nodes. P0 created it,
// and whoever has its line can come in as long as P0 may bring them in.
type crowd struct {
	*testing.T
	*world
	all    []*person
	line   string
	random *rand.Rand
	begin  time.Time // by the machine's clock

	wrote, acted, refused int

	lost     []*person        // who do not come back when they were put out
	returned map[*person]bool // who did: all that was said is theirs
}

const hall = "Family" // what the sphere is called

// gather has so many people come in, sixty at a time.
func gather(t *testing.T, seed uint64, size int, c linktest.Conditions) *crowd {
	t.Helper()
	percent := debug.SetGCPercent(200) // memory for speed
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	g := &crowd{T: t, world: newWorld(c), random: rand.New(rand.NewPCG(seed, 9)), begin: realNow(), returned: map[*person]bool{}}
	for i := range size {
		g.all = append(g.all, g.person(t, fmt.Sprint("P", i), 0))
	}
	name, yes := hall, true
	must[Sphere](t)(g.all[0].node.NewSphere(t.Context(), SphereProfile{Name: &name, FullHistory: &yes}))
	g.line = must[Invitation](t)(g.all[0].node.InviteLine(t.Context(), hall, InviteOptions{Reusable: true, Expires: maxExpiry})).Line
	for group := range slices.Chunk(g.all[1:], 60) {
		var joining sync.WaitGroup
		for _, p := range group {
			joining.Go(func() {
				if _, err := p.node.Join(t.Context(), g.line); err != nil {
					t.Errorf("%s joins: %v", p.name, err)
				}
			})
		}
		joining.Wait()
	}
	sleep(5 * time.Minute) // links that are no longer sought have ended
	g.log("%d members are in", size)
	return g
}

func (g *crowd) log(format string, args ...any) {
	g.Helper()
	g.Logf("after %.1f s: %s", realNow().Sub(g.begin).Seconds(), fmt.Sprintf(format, args...))
}

// realNow is the machine's clock, which goes on while that of the bubble stands.
func realNow() time.Time {
	var now syscall.Timeval
	syscall.Gettimeofday(&now)
	return time.Unix(now.Unix())
}

func (g *crowd) sphere(p *person) Sphere {
	g.Helper()
	return must[Sphere](g.T)(p.node.Sphere(g.Context(), hall))
}

// online lists those whose nodes run.
func (g *crowd) online() []*person {
	return slices.DeleteFunc(slices.Clone(g.all), func(p *person) bool { return p.node == nil })
}

// in lists those who are online and in the sphere, as they see it.
func (g *crowd) in() []*person {
	return slices.DeleteFunc(g.online(), func(p *person) bool { return g.sphere(p).State != "member" })
}

func (g *crowd) isLost(p *person) bool { return slices.Contains(g.lost, p) }

func (g *crowd) any(from []*person) *person { return from[g.random.IntN(len(from))] }

// apart splits the world into parts at random.
func (g *crowd) scatter(parts int) {
	part := map[netip.AddrPort]int{}
	for _, p := range g.all {
		part[p.at] = g.random.IntN(parts)
	}
	g.split(part)
}

// write has somebody write who they know to be in, and gives the text.
func (g *crowd) write(p *person) (string, error) {
	g.Helper()
	g.wrote++
	text := fmt.Sprintf("%d by %s, who knows of %s.", g.wrote, p.name, insiders(g.sphere(p)))
	_, err := p.node.Send(g.Context(), []string{hall}, text, kith.EventID{})
	return text, err
}

// back has somebody come in by the line, if P0 lets them within a minute.
func (g *crowd) back(p *person) error {
	ctx, cancel := context.WithTimeout(g.Context(), time.Minute)
	defer cancel()
	_, err := p.node.Join(ctx, g.line)
	return err
}

// restart starts all who were stopped.
func (g *crowd) restart() {
	for _, p := range g.all {
		if p.node == nil {
			p.start()
		}
	}
}

// spread gives how long it takes until all others who are online have what p
// writes, looking every step.
func (g *crowd) spread(p *person, step, limit time.Duration) (took time.Duration, missing []*person) {
	g.Helper()
	text, err := g.write(p)
	if err != nil {
		g.Fatal(err)
	}
	missing = g.in()
	for {
		missing = slices.DeleteFunc(missing, func(p *person) bool {
			last, err := p.node.Log(g.Context(), hall, Page{Limit: 1})
			return err == nil && len(last) == 1 && last[0].Text == text
		})
		if len(missing) == 0 || took >= limit {
			return took, missing
		}
		sleep(step)
		took += step
	}
}

// linked counts the links of a person.
func linked(p *person) int { return len(p.node.run.links.of(kith.AccountID{})) }

// wantMesh checks how many links everybody keeps, and gives the most and the
// average. Each seeks as many as there are fingers (1, 2, 4, 8… places on), and
// as many others seek one to them, more if they stand before a gap.
func (g *crowd) wantMesh() (most int, average float64) {
	g.Helper()
	sphere := g.sphere(g.all[0])
	fingers := bits.Len(uint(len(sphere.Members) - 1))
	var accounts []kith.AccountID
	for _, m := range sphere.Members {
		accounts = append(accounts, m.Account)
	}
	ring := meet.NewRing(sphere.ID, accounts)
	there := map[kith.AccountID]bool{}
	for _, p := range g.in() {
		there[p.account] = true
	}
	sum := 0
	for _, p := range g.in() {
		asked := 0
		for _, l := range p.node.run.links.of(kith.AccountID{}) {
			if l.Initiator() {
				asked++
			}
		}
		sought := ring.Neighbours(p.account, func(a kith.AccountID) bool { return there[a] })
		if asked > fingers {
			g.Errorf("%s asked for %d links, of %d fingers", p.name, asked, fingers)
		}
		for _, account := range sought {
			if !p.node.run.links.has(account) {
				g.Errorf("%s has no link to %s: %+v %+v", p.name, p.node.run.name(account), p.node.run.pursuit.State(account), p.node.run.spheres.mesh.failed[account])
			}
		}
		n := linked(p)
		most, sum = max(most, n), sum+n
	}
	return most, float64(sum) / float64(len(g.in()))
}

// wantConverged checks that all who are in see the same people and the same
// room, and that nobody else has a word by somebody who knew that they are out.
// It gives the room and how many are in.
func (g *crowd) wantConverged() (room []string, in int) {
	g.Helper()
	reference := g.all[slices.IndexFunc(g.all, func(p *person) bool { return g.sphere(p).State == "member" })]
	sphere := g.sphere(reference)
	people, names := members(sphere), ","+insiders(sphere)
	room = outlines(reference.log(hall))
	for _, p := range g.all {
		log := p.log(hall)
		if !strings.Contains(names, ","+p.name+",") {
			if g.returned[p] {
				continue
			}
			for _, m := range log {
				if m.Note == nil && !m.Mine && m.Text != "" && !strings.Contains(m.Text, " "+p.name+",") && !strings.Contains(m.Text, ","+p.name+",") {
					g.Errorf("%s, who is not in, has %q", p.name, m.Text)
				}
			}
			continue
		}
		in++
		if got := members(g.sphere(p)); got != people {
			g.Errorf("to %s the members are\n%s\nto %s\n%s", p.name, got, reference.name, people)
		}
		if got := outlines(log); !slices.Equal(got, room) {
			g.Errorf("the room of %s differs from that of %s: %s", p.name, reference.name, firstDifference(got, room))
		}
	}
	return room, in
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d of %d and %d is\n%s\nand\n%s", i, len(a), len(b), a[i], b[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(a), len(b))
}
