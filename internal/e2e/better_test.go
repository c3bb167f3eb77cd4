//go:build linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"kith/internal/lab"
)

// only lets a host reach nobody but one other, until the function that it gives
// is called.
func only(t *testing.T, h, other *lab.Host) (mend func()) {
	t.Helper()
	nft := func(rules string) {
		t.Helper()
		if out, err := h.Command(t.Context(), "nft", rules).CombinedOutput(); err != nil {
			t.Fatalf("nft %s: %v\n%s", rules, err, out)
		}
	}
	nft(fmt.Sprintf(`table inet only {
		chain out { type filter hook output priority 0; policy drop; oifname "lo" accept; ip daddr %v accept; }
	}`, other.Addr()))
	return func() {
		t.Helper()
		nft("delete table inet only")
	}
}

// A relayed link becomes a direct one, without a lost message, when there is a
// direct path.
func TestRelayedLinkBecomesDirect(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	hub := runsHub(t, net.Host("hub"), "allow_private = false", "allow_private = true")
	conf := lab.Kith{Env: []string{hub.roots()}}
	annsHost, bobsHost := net.Host("ann"), net.Host("bob")
	mend := []func(){only(t, annsHost, hub.host), only(t, bobsHost, hub.host)}
	ann, bob := lives(t, annsHost, "ann", conf), lives(t, bobsHost, "bob", conf)
	ann.at(t, hub)
	bob.at(t, hub)
	befriend(t, ann, bob)
	linked := func(path string) func() error {
		return func() error {
			for _, sides := range [][2]*person{{ann, bob}, {bob, ann}} {
				links := sides[0].to(t, sides[1]).Links
				if len(links) != 1 || links[0].Path != path {
					return fmt.Errorf("%s has the links %+v, want a %s one", sides[0].name, links, path)
				}
			}
			return nil
		}
	}
	lab.Eventually(t, soon, linked("relayed"))

	ctx, stop := context.WithCancel(t.Context())
	writers := append(ann.writers(bob, 2), bob.writers(ann, 2)...)
	var writing sync.WaitGroup
	writing.Go(func() { write(ctx, 20*time.Millisecond, 500, "", writers...) })
	for _, f := range mend {
		f()
	}
	for _, p := range []*person{ann, bob} { // who do not wait for the next try
		if err := p.api.Retry(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	lab.Eventually(t, 2*soon, linked("direct"))
	stop()
	writing.Wait()
	arrive(t, soon, ann, bob)
	audit(t, ann, bob, writers...)
}
