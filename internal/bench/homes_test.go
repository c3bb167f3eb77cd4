//go:build linux

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

// openNode opens a node in this process.
func openNode(ctx context.Context, home string) (*node.Node, error) {
	return node.Open(ctx, node.Options{Home: home, Version: "bench", Loopback: true})
}

// befriend makes a pair of contacts, Ann and Bob, in two homes. Neither runs
// afterwards.
func befriend(b *testing.B, annHome, bobHome string) {
	b.Helper()
	ann, bob := mustOpen(b, annHome), mustOpen(b, bobHome)
	defer mustClose(b, ann)
	defer mustClose(b, bob)
	name(b, ann, "Ann")
	name(b, bob, "Bob")
	invitation, err := ann.Invite(b.Context(), node.InviteOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := bob.Join(b.Context(), invitation.Line); err != nil {
		b.Fatal(err)
	}
	for n, of := range map[*node.Node]string{ann: "Bob", bob: "Ann"} {
		lab.Eventually(b, 20*time.Second, func() error {
			c, err := n.Contact(b.Context(), of)
			if err == nil && (c.Relation != kith.Accepted || c.Connection != node.Connected) {
				err = fmt.Errorf("%s is %s and %s", of, c.Relation, c.Connection)
			}
			return err
		})
	}
}

func mustOpen(b *testing.B, home string) *node.Node {
	b.Helper()
	n, err := openNode(b.Context(), home)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func mustClose(b *testing.B, n *node.Node) {
	b.Helper()
	if err := n.Close(); err != nil {
		b.Error(err)
	}
}

func name(b *testing.B, n *node.Node, name string) {
	b.Helper()
	if _, err := n.SetName(b.Context(), name); err != nil {
		b.Fatal(err)
	}
}

// text makes a message of 200 bytes that says which one it is.
func text(i int) string {
	return fmt.Sprintf("message %7d ", i) + strings.Repeat("and so on ", 19)[:200-16]
}

// sendAll sends the numbered texts from, from+1, … by some writers side by
// side, until count are sent or send fails.
func sendAll(writers, from, count int, send func(text string) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				if err := send(text(from + i)); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// copyHome copies the home of a node that does not run. A home is flat.
func copyHome(b *testing.B, from string) string {
	b.Helper()
	to := newDir(b)
	entries, err := os.ReadDir(from)
	if err != nil {
		b.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || strings.HasSuffix(entry.Name(), ".lock") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, entry.Name()), data, 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return to
}

// newDir makes an empty folder with a short name, since a socket goes into it.
func newDir(b *testing.B) string {
	b.Helper()
	dir := filepath.Join(shared.dir, rand.Text()[:8])
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
