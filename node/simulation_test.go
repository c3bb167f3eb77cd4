package node

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// A person in a simulation: a home, a place in the world, a clock of their own.
type person struct {
	t       *testing.T
	world   *world
	name    string
	home    string
	at      netip.AddrPort
	ahead   atomic.Int64 // of the true time; a time.Duration
	account kith.AccountID
	node    *Node
	wrote   int // messages, over all lives
	life    int // how often it was set back
	depot   *depot
}

func (w *world) person(t *testing.T, name string, ahead time.Duration) *person {
	return w.mailer(t, name, ahead, nil)
}

// mailer is a person who leaves letters in a depot, if there is one.
func (w *world) mailer(t *testing.T, name string, ahead time.Duration, d *depot) *person {
	w.mu.Lock()
	w.seed++
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(w.seed >> 8), byte(w.seed)}), 7000)
	w.mu.Unlock()
	p := &person{t: t, world: w, name: name, home: t.TempDir(), at: at, depot: d}
	p.ahead.Store(int64(ahead))
	t.Cleanup(p.stop)
	p.start()
	if _, err := p.node.SetName(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) start() {
	p.t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("KITH_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", p.name)
	}
	n, err := Open(p.t.Context(), Options{
		Home:   p.home,
		Log:    log,
		now:    func() time.Time { return time.Now().AddDate(30, 0, 0).Add(time.Duration(p.ahead.Load())) },
		listen: p.world.listener(p.at),

		noFiles: true,
		post:    p.depot.opener(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	r, leave, err := n.enter()
	if err != nil {
		p.t.Fatal(err)
	}
	defer leave()
	p.node, p.account = n, r.id.peer.Account
}

func (p *person) stop() {
	p.t.Helper()
	if p.node == nil {
		return
	}
	if err := p.node.Close(); err != nil {
		p.t.Fatalf("closing %s: %v", p.name, err)
	}
	p.node = nil
}

// copyHome copies what a home holds of a stopped node, as a disk image would.
func copyHome(t *testing.T, from, to string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "kith.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// log reads a whole conversation.
func (p *person) log(with string) []Message {
	p.t.Helper()
	var all []Message
	for page := (Page{Limit: maxPage}); ; {
		part, err := p.node.Log(p.t.Context(), with, page)
		if err != nil {
			p.t.Fatalf("the log of %s with %s: %v", p.name, with, err)
		}
		all = append(part, all...)
		if len(part) < maxPage {
			return all
		}
		page.Before = part[0].ID
	}
}

// outline is what of a message is the same on every copy.
func outline(m Message) string {
	var reactions []string
	for _, r := range m.Reactions {
		reactions = append(reactions, r.Emoji+r.From.Short())
	}
	return fmt.Sprintf("%s by %s: %q edited=%v deleted=%v reply=%v %v", m.ID, m.From.Short(), m.Text, m.Edited, m.Deleted, m.ReplyTo, reactions)
}

func outlines(log []Message) []string {
	list := []string{}
	for _, m := range log {
		list = append(list, outline(m))
	}
	return list
}

// sleep lets time pass in the bubble.
func sleep(d time.Duration) { <-time.After(d) }

// act does one random thing.
func (p *person) act(random *rand.Rand, with string) {
	ctx := p.t.Context()
	log := p.log(with)
	var own, any *Message
	if len(log) > 0 {
		any = &log[random.IntN(len(log))]
		for i := range log {
			if log[i].Mine && !log[i].Deleted {
				own = &log[i]
			}
		}
	}
	var err error
	switch roll := random.IntN(10); {
	case roll < 6 || any == nil || any.Deleted:
		p.wrote++
		_, err = p.node.Send(ctx, []string{with}, fmt.Sprintf("%s.%d-%06d", p.name, p.life, p.wrote), kith.EventID{})
	case roll == 6 && own != nil:
		_, err = p.node.Edit(ctx, own.ID.String(), fmt.Sprintf("%s edited by %s at %d", own.Text[:min(11, len(own.Text))], p.name, p.wrote))
	case roll == 7 && own != nil && random.IntN(4) == 0:
		_, err = p.node.Delete(ctx, own.ID.String())
	case roll == 8:
		_, err = p.node.React(ctx, any.ID.String(), []string{"👍", "❤", ""}[random.IntN(3)])
	default:
		_, err = p.node.Reply(ctx, any.ID.String(), "about that")
	}
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// Many devices, cut off from each other and together again, with clocks that
// are wrong by years, stopped and started, some of them set back to an older
// copy of their own disk: at the end all copies of a conversation are equal,
// and hold everything that any copy held.
func TestAllCopiesConverge(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	if n, err := strconv.ParseUint(os.Getenv("KITH_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, 4, 300, nil) })
		})
	}
}

// The same while letters go to and fro, some of which are lost, doubled, shuffled
// or late.
func TestAllCopiesConvergeWithLetters(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	if n, err := strconv.ParseUint(os.Getenv("KITH_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot("one.example", "two.example")
				d.random, d.wild = rand.New(rand.NewPCG(seed, 3)), true
				simulate(t, seed, 4, 200, d)
				if d.everLeft() < 20 {
					t.Errorf("%d letters: the simulation does too little", d.everLeft())
				}
			})
		})
	}
}

func simulate(t *testing.T, seed uint64, size, steps int, d *depot) {
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(linktest.Conditions{Delay: 40 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.02, Seed: seed})
	var all []*person
	for i := range size {
		ahead := []time.Duration{0, 0, 11 * 365 * 24 * time.Hour, -4 * 365 * 24 * time.Hour, 3 * time.Minute}[i%5]
		all = append(all, w.mailer(t, fmt.Sprintf("P%d", i), ahead, d))
	}
	type pair struct{ a, b *person }
	var pairs []pair
	for i, a := range all {
		for _, b := range all[i+1:] {
			inv, err := a.node.Invite(t.Context(), InviteOptions{Expires: maxExpiry})
			if err != nil {
				t.Fatal(err)
			}
			// The expiry is judged by the joiner's own clock, which may be years
			// off; that is another test's matter.
			keep := b.ahead.Swap(a.ahead.Load())
			if c, err := b.node.Join(t.Context(), inv.Line); err != nil || c.Relation != kith.Accepted {
				t.Fatalf("%s joins %s: %v, %v", b.name, a.name, c.Relation, err)
			}
			b.ahead.Store(keep)
			pairs = append(pairs, pair{a, b})
		}
	}
	images := map[*person]string{}
	rolledBack := 0
	for range steps {
		sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		one := pairs[random.IntN(len(pairs))]
		if random.IntN(2) == 0 {
			one.a, one.b = one.b, one.a
		}
		p := all[random.IntN(len(all))]
		switch roll := random.IntN(100); {
		case roll < 70:
			if one.a.node != nil {
				one.a.act(random, one.b.name)
			}
		case roll < 78:
			w.sever(one.a.at, one.b.at)
		case roll < 84:
			w.heal()
		case roll < 87:
			if p.node != nil {
				p.stop()
			}
		case roll < 93:
			if p.node == nil {
				p.start()
			}
		case roll < 96:
			if p.node != nil { // keep an image of the disk
				p.stop()
				images[p] = t.TempDir()
				copyHome(t, p.home, images[p])
				p.start()
			}
		default:
			if image := images[p]; image != "" { // and go back to it
				p.stop()
				for _, name := range []string{storeFile + "-wal", storeFile + "-shm"} {
					os.Remove(filepath.Join(p.home, name))
				}
				copyHome(t, image, p.home)
				p.start()
				rolledBack++
				p.life++
				// What is written now takes numbers that were used before.
				for range random.IntN(4) {
					p.act(random, all[(slices.Index(all, p)+1)%len(all)].name)
				}
			}
		}
	}
	for _, p := range all {
		if p.node == nil {
			p.start()
		}
	}
	held := map[string]bool{} // every message on any copy before the end
	for _, one := range pairs {
		for _, m := range append(one.a.log(one.b.name), one.b.log(one.a.name)...) {
			held[m.ID.String()] = true
		}
	}
	w.heal()
	sleep(2 * time.Hour)

	found := 0
	for _, one := range pairs {
		a, b := one.a.log(one.b.name), one.b.log(one.a.name)
		if left, right := outlines(a), outlines(b); !slices.Equal(left, right) {
			t.Errorf("%s and %s differ:\n%s\n--\n%s", one.a.name, one.b.name, strings.Join(left, "\n"), strings.Join(right, "\n"))
		}
		found += len(a)
		inOrder(t, a)
		for _, m := range append(a, b...) {
			if m.Mine && m.State == kith.Pending {
				t.Errorf("%s is still pending: %s", m.ID, m.Text)
			}
			delete(held, m.ID.String())
		}
	}
	if len(held) > 0 {
		t.Errorf("%d messages that a copy held are lost", len(held))
	}
	if found < steps/8 {
		t.Errorf("only %d messages were written: the simulation does too little", found)
	}
	t.Logf("%d messages, %d times set back to an image", found, rolledBack)
}

// A device that is set back to an image of its disk gets back what it had
// written since, from whoever has it, and what it writes after that under the
// same numbers is not lost, whether it is less than what it forgot or more.
func TestSetBackToAnImage(t *testing.T) {
	for _, after := range []int{0, 2, 5, 9} {
		t.Run(fmt.Sprint(after, " written before they meet"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(linktest.Conditions{Delay: 10 * time.Millisecond})
				a, b := w.person(t, "A", 0), w.person(t, "B", 0)
				befriend(t, a.node, b.node)
				write := func(first, n int) {
					for i := range n {
						send(t, a.node, "B", fmt.Sprint("m", first+i))
					}
				}
				write(0, 3)
				send(t, b.node, "A", "from B")
				sleep(time.Minute)
				a.stop()
				image := t.TempDir()
				copyHome(t, a.home, image)
				a.start()
				write(3, 5)
				sleep(time.Minute)
				b.stop()
				write(8, 1) // delivered to nobody: it goes with the disk
				a.stop()
				copyHome(t, image, a.home)
				a.start()
				device := a.node.run.id.peer.Device
				write(20, after)
				b.start()
				sleep(time.Hour)

				left, right := a.log("B"), b.log("A")
				if !slices.Equal(outlines(left), outlines(right)) {
					t.Errorf("the copies differ:\n%s\n--\n%s", strings.Join(outlines(left), "\n"), strings.Join(outlines(right), "\n"))
				}
				if want := 9 + after; len(left) != want {
					t.Errorf("%d messages, want %d:\n%s", len(left), want, strings.Join(outlines(left), "\n"))
				}
				if a.node.run.id.peer.Device == device {
					t.Error("the device goes on under the same key")
				}
				c, err := b.node.Contact(t.Context(), "A")
				if err != nil {
					t.Fatal(err)
				}
				if c.Warning == "" || !slices.Equal(c.Devices, []kith.DeviceID{a.node.run.id.peer.Device}) {
					t.Errorf("the other side knows devices %v, warning %q", c.Devices, c.Warning)
				}
			})
		})
	}
}

// inOrder checks that every author's messages are in the order in which they
// were written, and none is there twice. What was written before a device was
// set back may sort after what it wrote then: it did not know of it.
func inOrder(t *testing.T, log []Message) {
	t.Helper()
	last := map[string]string{}
	seen := map[kith.EventID]bool{}
	for _, m := range log {
		if seen[m.ID] {
			t.Errorf("message %s is there twice", m.ID)
		}
		seen[m.ID] = true
		name, _, numbered := strings.Cut(m.Text, "-")
		if m.Edited || m.Deleted || !numbered {
			continue
		}
		if m.Text <= last[name] {
			t.Errorf("%q comes after %q", m.Text, last[name])
		}
		last[name] = m.Text
	}
}
