//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"kith/internal/lab"
	"kith/node"
)

// crashes is how often nodes are killed in all, unless KITH_SOAK says how long.
const crashes = 60

// Both nodes write all the time and both are killed over and over, at random
// moments: while they work, while they start, one alone or both at once.
func TestKilledOverAndOver(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KITH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("KITH_SEED=%d", seed)
	end := soak(t)
	start := time.Now()
	c := newCrash(t, seed, lab.Plain(t))
	for kills := 0; kills < crashes || time.Since(start) < end; {
		kills += c.crash()
	}
	c.finish()
}

// The same for a moment, with the race detector in the nodes if it is on.
func TestKilledWithRaceDetector(t *testing.T) {
	t.Parallel()
	if lab.Binary(t) == lab.Plain(t) {
		t.Skip("the race detector is off")
	}
	c := newCrash(t, 1, lab.Binary(t))
	for kills := 0; kills < 8; {
		kills += c.crash()
	}
	c.finish()
}

// soak is how long to go on by KITH_SOAK.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("KITH_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("KITH_SOAK: %v", err)
	}
	return d
}

// A crash test in progress.
type crash struct {
	t       *testing.T
	random  *rand.Rand
	both    [2]*person
	all     []*writer
	stop    context.CancelFunc
	writing sync.WaitGroup
	began   time.Time

	kills, startKills int
}

func newCrash(t *testing.T, seed uint64, binary string) *crash {
	t.Helper()
	here := lab.Here(t)
	conf := lab.Kith{Env: []string{"KITH_LOOPBACK=1"}, Binary: binary}
	c := &crash{t: t, random: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	c.both = [2]*person{lives(t, here, "Ann", conf), lives(t, here, "Bob", conf)}
	befriend(t, c.both[0], c.both[1])
	c.all = append(c.both[0].writers(c.both[1], 3), c.both[1].writers(c.both[0], 3)...)
	ctx, stop := context.WithCancel(t.Context())
	c.stop = stop
	c.writing.Go(func() { write(ctx, 15*time.Millisecond, 0, "", c.all...) })
	t.Cleanup(func() {
		stop()
		c.writing.Wait()
	})
	return c
}

// while is a random time.
func (c *crash) while(most time.Duration) {
	c.t.Helper()
	pause(c.t, time.Duration(c.random.Int64N(int64(most))))
}

// crash lets them write for a while, kills and starts again, and gives the
// number of kills.
func (c *crash) crash() int {
	c.t.Helper()
	before := c.kills + c.startKills
	// Often as soon as they may have found each other, sometimes later.
	c.while([]time.Duration{100, 400, 1500}[c.random.IntN(3)] * time.Millisecond)
	victims := c.both[:]
	if c.random.IntN(4) > 0 {
		i := c.random.IntN(2)
		victims = c.both[i : i+1]
	}
	for _, p := range victims {
		p.Kill()
		c.kills++
	}
	if c.random.IntN(2) == 0 {
		c.while(200 * time.Millisecond)
	}
	for _, p := range victims {
		for c.random.IntN(4) == 0 {
			c.startAndKill(p)
		}
		p.Start()
	}
	return c.kills + c.startKills - before
}

// startAndKill kills a node while it starts.
func (c *crash) startAndKill(p *person) {
	c.t.Helper()
	cmd := p.Command(c.t.Context(), c.t, "up", "--home", p.Home(), "--no-open")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.while(150 * time.Millisecond)
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() >= 0 {
		c.t.Errorf("%s's node ended by itself while it started: %v", p.name, cmd.ProcessState)
	}
	c.startKills++
}

// finish lets everything arrive and checks it.
func (c *crash) finish() {
	t := c.t
	t.Helper()
	c.stop()
	c.writing.Wait()
	crossed := 0
	for i, p := range c.both {
		for _, m := range history(t, p, c.both[1-i]) {
			if !m.Mine {
				crossed++
			}
		}
	}
	arrive(t, time.Minute, c.both[0], c.both[1])
	messages := audit(t, c.both[0], c.both[1], c.all...)
	acked := 0
	for _, w := range c.all {
		acked += len(w.acked)
	}
	t.Logf("%d kills and %d more while starting in %v: %d messages, %d of them acknowledged; %d had arrived before the end",
		c.kills, c.startKills, time.Since(c.began).Round(time.Second), len(messages), acked, crossed)
	if crossed == 0 {
		t.Error("nothing crossed while they were killed, so little was tested")
	}
	for i, p := range c.both {
		dropped(t, p, c.both[1-i])
	}
}

// dropped checks that nobody had to drop bad input from an honest peer.
func dropped(t *testing.T, p, from *person) {
	t.Helper()
	var s node.Status
	p.JSON(t, &s, "status", "--json")
	if len(s.Dropped) > 0 {
		t.Error(fmt.Errorf("%s dropped input of %s: %v", p.name, from.name, s.Dropped))
	}
}
