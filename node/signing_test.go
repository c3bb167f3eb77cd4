package node

import (
	"testing"
	"time"

	"kith/store"
)

// While the own card is signed, which waits for the store's writer, that one can
// report what it wrote before. Otherwise each would wait for the other.
func TestSigningTheCardHindersNoReport(t *testing.T) {
	n := open(t, t.TempDir(), "Ann")
	signed := make(chan error, 1)
	err := n.run.store.Update(t.Context(), func(*store.Tx) error {
		go func() {
			_, err := n.SetName(t.Context(), "Anna")
			signed <- err
		}()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n.run.signing.TryLock() {
			n.run.signing.Unlock()
			<-tick.C
		}
		reported := make(chan struct{})
		go func() {
			n.run.observe(store.Change{})
			close(reported)
		}()
		select {
		case <-reported:
		case <-time.After(10 * time.Second):
			t.Error("the report waits for the card")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-signed; err != nil || must[Me](t)(n.Me(t.Context())).Name != "Anna" {
		t.Errorf("the card was not signed: %v", err)
	}
}
