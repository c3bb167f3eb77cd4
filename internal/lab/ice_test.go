//go:build linux

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"
)

// kindsOfICE are the kinds between which agents try to meet. A hairpin router
// is a port-restricted one as long as both are not behind it.
var kindsOfICE = []Kind{Public, FullCone, AddressRestricted, PortRestricted, Symmetric, CarrierGrade, UDPBlocked, Only443, IPv6Only, DualStack}

// outlook is what theory says of a pair: "direct" or "relayed", or nothing if
// the hub's relay, which keeps to one family, cannot help either.
func outlook(a, b Kind) string {
	ma, mb := manners[a], manners[b]
	alike := func(k Kind) bool { // filters by port, with a port that stays
		return k == PortRestricted || k == CarrierGrade || k == DualStack
	}
	switch {
	case ma.v6 && mb.v6:
		return "direct"
	case !(ma.v4 && mb.v4):
		return ""
	case ma.forbids != "", mb.forbids != "":
		return "relayed"
	case a == Symmetric && (b == Symmetric || alike(b)), b == Symmetric && alike(a):
		return "relayed"
	default:
		return "direct"
	}
}

// TestICEBetweenKinds lets plain ICE agents meet, through every pair of kinds,
// with a STUN and TURN server in the middle: the routers let them do what
// theory says, so that a test of kith can tell what is kith's fault.
func TestICEBetweenKinds(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{Delay: 10 * time.Millisecond})
	hub := i.Host("hub")
	relay := startRole(t, hub, "relay", hub.Addr().String(), hub.Addr6().String())
	if relay.next(t).Text != "ready" {
		t.Fatal("the relay is not ready")
	}
	var left, right []*Host
	for n, kind := range kindsOfICE {
		left = append(left, i.Home(kind).Host(fmt.Sprint("left", n)))
		right = append(right, i.Home(kind).Host(fmt.Sprint("right", n)))
	}
	table := make([][]string, len(kindsOfICE))
	var pairs sync.WaitGroup
	slots := make(chan struct{}, 6)
	for x, a := range kindsOfICE {
		table[x] = make([]string, x+1)
		for y, b := range kindsOfICE[:x+1] {
			want := outlook(a, b)
			if table[x][y] = "-"; want == "" {
				continue
			}
			slots <- struct{}{}
			pairs.Go(func() {
				defer func() { <-slots }()
				got := meet(t, hub, left[x], right[y])
				table[x][y] = fmt.Sprintf("%s %d", got.Text, got.Took.Milliseconds())
				if got.Text != want {
					t.Errorf("%s and %s: %+v, want %s", a, b, got, want)
				}
			})
		}
	}
	pairs.Wait()
	text := fmt.Sprintf("%-20s", "in ms")
	for _, kind := range kindsOfICE {
		text += fmt.Sprintf("%-20s", kind)
	}
	for x, kind := range kindsOfICE {
		text += fmt.Sprintf("\n%-20s", kind)
		for _, cell := range table[x] {
			text += fmt.Sprintf("%-20s", cell)
		}
	}
	t.Log("\n" + text)
}

// A role is the test binary on a host, in one of its roles.
type role struct {
	in    io.WriteCloser
	lines chan line // closed at its end
}

func startRole(t *testing.T, h *Host, args ...string) *role {
	cmd := h.Command(t.Context(), os.Args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LAB_TEST_ROLE="+args[0])
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		t.Error(err)
	}
	r := &role{in: in, lines: make(chan line, 64)}
	go func() {
		defer close(r.lines)
		for text := bufio.NewScanner(out); text.Scan(); {
			var l line
			if json.Unmarshal(text.Bytes(), &l) == nil {
				r.lines <- l
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() { in.Close() })
	return r
}

// next gives the next line of a role, or none when it has ended.
func (r *role) next(t *testing.T) line {
	select {
	case l := <-r.lines:
		return l
	case <-time.After(startWithin):
		t.Error("a role is silent")
		return line{}
	}
}

// meet lets two agents meet. Signalling takes no time.
func meet(t *testing.T, hub, a, b *Host) line {
	server := hub.Addr()
	if !a.Addr().IsValid() || !b.Addr().IsValid() {
		server = hub.Addr6()
	}
	first, second := startRole(t, a, "agent", server.String(), "controlling"), startRole(t, b, "agent", server.String())
	defer first.in.Close()
	defer second.in.Close()
	outcome := make(chan line, 1)
	carry := func(from, to *role) {
		for l := range from.lines {
			if l.Text != "" && from == first {
				outcome <- l
				return
			}
			json.NewEncoder(to.in).Encode(l)
		}
		if from == first {
			outcome <- line{Text: "nothing"}
		}
	}
	go carry(first, second)
	go carry(second, first)
	select {
	case l := <-outcome:
		return l
	case <-time.After(startWithin):
		return line{Text: "silence"}
	}
}
