//go:build linux

package e2e

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"kith/internal/lab"
)

// strokes is how often something is killed, unless KITH_SOAK says how long.
const strokes = 12

// Two people behind routers that let them meet only through a hub's relay write
// all the time, while the hub, their routers and their nodes are killed at
// random. Nothing is lost, and nothing comes twice.
func TestStorm(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 5 * time.Millisecond})
	hub := runsHub(t, net.Host("hub"))
	conf := lab.Kith{Env: []string{hub.roots()}}
	homes := [2]*lab.Router{net.Home(lab.PortRestricted), net.Home(lab.Symmetric)}
	ann, bob := lives(t, homes[0].Host("ann"), "Ann", conf), lives(t, homes[1].Host("bob"), "Bob", conf)
	ann.at(t, hub)
	bob.at(t, hub)
	befriend(t, ann, bob)
	all := append(ann.writers(bob, 2), bob.writers(ann, 2)...)
	ctx, stop := context.WithCancel(t.Context())
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		write(ctx, 50*time.Millisecond, 0, "", all...)
	}()
	defer func() { stop(); <-wrote }()

	end, began := soak(t), time.Now()
	seed := uint64(began.UnixNano())
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := 0; n < strokes || time.Since(began) < end; n++ {
		pause(t, time.Duration(random.Int64N(int64(2*time.Second))))
		down := time.Duration(random.Int64N(int64(time.Second)))
		switch victim := random.IntN(5); victim {
		case 0:
			hub.kill()
			pause(t, down)
			hub.start()
		case 1, 2:
			homes[victim-1].Reboot()
		case 3, 4:
			p := []*person{ann, bob}[victim-3]
			p.Kill()
			pause(t, down)
			p.Start()
		}
	}
	stop()
	<-wrote
	arrive(t, 2*time.Minute, ann, bob)
	messages := audit(t, ann, bob, all...)
	t.Logf("%d messages in %v", len(messages), time.Since(began).Round(time.Second))
}

// What is written to somebody who is off lies with the hub; they get it when
// they are on again, though its author is off by then, and not twice when both
// are.
func TestMessagesForSomebodyAsleep(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 5 * time.Millisecond})
	hub := runsHub(t, net.Host("hub"))
	conf := lab.Kith{Env: []string{hub.roots()}}
	ann := lives(t, net.Home(lab.PortRestricted).Host("ann"), "Ann", conf)
	bob := lives(t, net.Home(lab.Symmetric).Host("bob"), "Bob", conf)
	ann.at(t, hub)
	bob.at(t, hub)
	befriend(t, ann, bob)
	talk(t, ann, bob, "awake")
	pause(t, time.Second) // for keys to be exchanged
	bob.Stop()

	asleep := ann.says(t, bob, "sleep well")
	ann.is(t, asleep, "held")
	hub.kill()
	hub.start() // what it holds is on disk
	ann.Stop()
	bob.Start()
	bob.hears(t, ann, "sleep well", soon)
	bob.Stop()
	ann.Start()
	bob.Start()
	know(t, ann, bob, soon)
	ann.is(t, asleep, "delivered", "read")
	talk(t, ann, bob, "again")
	audit(t, ann, bob)
}
