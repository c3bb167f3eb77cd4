//go:build linux

package session

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"kith/internal/lab"
	"kith/link"
)

// A player is such a process.
type player struct {
	say   func(word)
	heard <-chan word
}

func newPlayer(t testing.TB, host *lab.Host, role, hub string) *player {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := host.Command(ctx, os.Args[0], "-test.run=^TestPlay$")
	cmd.Env = append(os.Environ(), playEnv+"="+role, hubEnv+"="+hub)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		stop()
		cmd.Wait()
	})
	heard := make(chan word, 64)
	go func() {
		defer close(heard)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var w word
			if json.Unmarshal(lines.Bytes(), &w) == nil {
				heard <- w
			}
		}
	}()
	var mu sync.Mutex
	p := &player{heard: heard, say: func(w word) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(in).Encode(w)
	}}
	if w := await(t, p.heard, role); !w.Again {
		t.Fatalf("%s: %+v", role, w)
	}
	return p
}

// link links two players by an offer that takes delay, and tells the path and
// the time.
func (p *player) link(t testing.TB, q *player, delay time.Duration) (path link.Path, took time.Duration) {
	t.Helper()
	return p.begin(t, q, delay, word{Again: true})
}

func (p *player) begin(t testing.TB, q *player, delay time.Duration, how word) (path link.Path, took time.Duration) {
	t.Helper()
	p.say(how)
	deadline := time.After(labTime)
	for ends := 0; ends < 2; {
		from, to := p, q
		var w word
		select {
		case w = <-p.heard:
		case w = <-q.heard:
			from, to = q, p
		case <-deadline:
			t.Fatal("no link")
		}
		switch {
		case w.Path != nil:
			ends++
			if from == p {
				path, took = *w.Path, w.Took
			}
		case w.Offer != nil || w.Candidate != nil:
			time.AfterFunc(delay, func() { to.say(w) })
		default:
			t.Fatalf("no link: %+v", w)
		}
	}
	return path, took
}

// A passage is two routers and what theory allows between them.
type passage struct {
	a, b lab.Kind
	kind string
}

func (p passage) String() string { return fmt.Sprintf("%v and %v", p.a, p.b) }

// oneWay is the delay between homes and the hub. What is carried takes two.
const oneWay = 20 * time.Millisecond

// players are both sides behind their routers.
func (p passage) players(t testing.TB) (a, b *player) {
	net := lab.NewInternet(t, lab.Line{Delay: oneWay})
	hub := net.Host("hub")
	at := hub.Addr().String()
	newPlayer(t, hub, "hub", at)
	return newPlayer(t, net.Home(p.a).Host("ann"), "offer", at), newPlayer(t, net.Home(p.b).Host("bob"), "answer", at)
}

// Real routers between the two sides: direct wherever theory allows it, through
// a relay elsewhere. A relay waits for a direct pair no longer than one usually
// takes, so on a busy machine it may win; then the direct path is found without
// relays, as nodes do for each relayed link.
func TestThroughNATs(t *testing.T) {
	lab.Require(t)
	for _, p := range []passage{
		{lab.Public, lab.Public, "direct"},
		{lab.PortRestricted, lab.PortRestricted, "direct"},
		{lab.CarrierGrade, lab.PortRestricted, "direct"},
		{lab.AddressRestricted, lab.Symmetric, "direct"},
		{lab.Symmetric, lab.FullCone, "direct"},
		{lab.Symmetric, lab.PortRestricted, "relayed"},
		{lab.Symmetric, lab.Symmetric, "relayed"},
		{lab.DualStack, lab.IPv6Only, "direct"},
		{lab.UDPBlocked, lab.Public, "direct"}, // over TCP
		{lab.Only443, lab.PortRestricted, "relayed"},
		{lab.Only443, lab.Only443, "relayed"},
	} {
		t.Run(p.String(), func(t *testing.T) {
			a, b := p.players(t)
			for _, what := range []string{"at first", "again"} {
				path, took := a.link(t, b, 2*oneWay)
				t.Logf("%s: %s in %v", what, path.Kind, took.Round(time.Millisecond))
				if p.kind == link.Direct && path.Kind == link.Relayed {
					path, took = a.begin(t, b, 2*oneWay, word{Again: true, Direct: true})
					t.Logf("%s, without relays: %s in %v", what, path.Kind, took.Round(time.Millisecond))
				}
				if path.Kind != p.kind {
					t.Errorf("%s: path %+v, want a %s one", what, path, p.kind)
				}
			}
		})
	}
}

// BenchmarkThroughNATs takes the time from the offer to the link, of nodes that
// know nothing of their networks yet.
func BenchmarkThroughNATs(b *testing.B) {
	lab.Require(b)
	for _, p := range []passage{
		{lab.Public, lab.Public, "direct"},
		{lab.PortRestricted, lab.PortRestricted, "direct"},
		{lab.Symmetric, lab.Symmetric, "relayed"},
		{lab.Only443, lab.Only443, "relayed"},
	} {
		b.Run(p.String(), func(b *testing.B) {
			one, two := p.players(b)
			one.link(b, two, 2*oneWay) // the processes warm up
			var times []time.Duration
			for b.Loop() {
				one.say(word{Cold: true})
				two.say(word{Cold: true})
				_, took := one.link(b, two, 2*oneWay)
				times = append(times, took)
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2])/1e6, "ms-median")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// What NAT says of real routers.
func TestNATReports(t *testing.T) {
	lab.Require(t)
	for kind, want := range map[lab.Kind]NATReport{
		lab.Public:         {IPv4: NATNone},
		lab.PortRestricted: {IPv4: NATEndpointIndependent, Hairpin: HairpinNo},
		lab.CarrierGrade:   {IPv4: NATEndpointIndependent, Hairpin: HairpinNo},
		lab.Hairpin:        {IPv4: NATEndpointIndependent, Hairpin: HairpinYes},
		lab.Symmetric:      {IPv4: NATAddressDependent, Hairpin: HairpinNo},
		lab.UDPBlocked:     {IPv4: NATSilent},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			net := lab.NewInternet(t, lab.Line{Delay: oneWay})
			hub := net.Host("hub")
			at := hub.Addr().String()
			newPlayer(t, hub, "hub", at)
			a := newPlayer(t, net.Home(kind).Host("ann"), "offer", at)
			a.say(word{Mirrors: []string{"stun:" + at + ":3478", "stun:" + at + ":3479"}})
			w := await(t, a.heard, "the report")
			if w.Report == nil {
				t.Fatal(w.Error)
			}
			if w.Report.IPv4 != want.IPv4 || w.Report.Hairpin != want.Hairpin {
				t.Errorf("%+v, want %+v", *w.Report, want)
			}
		})
	}
}
