//go:build linux

package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
	"kith/seal"
	"kith/wire"
)

// transferred bounds the time of a transfer; this machine may be busy.
const transferred = 3 * time.Minute

// film makes a file of bytes that nothing compresses, and gives its sum.
func film(t *testing.T, path string, size int) (sum [32]byte) {
	t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(path))).Read(data)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// sphere makes a sphere of contacts of the first, who made it.
func sphere(t *testing.T, name string, all ...*person) {
	t.Helper()
	if _, err := all[0].api.NewSphere(t.Context(), node.SphereProfile{Name: &name}); err != nil {
		t.Fatal(err)
	}
	for _, p := range all[1:] {
		if _, err := all[0].api.InviteToSphere(t.Context(), name, []string{p.name}); err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"invited", "member"} {
			lab.Eventually(t, soon, func() error {
				s, err := p.api.Sphere(t.Context(), name)
				if err == nil && s.State != state {
					err = fmt.Errorf("%s's state in %s is %s", p.name, name, s.State)
				}
				return err
			})
			if state == "invited" {
				if _, err := p.api.JoinSphere(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// shares shares a file, and gives its message.
func (p *person) shares(t *testing.T, ref string, paths ...string) node.Message {
	t.Helper()
	shared, err := p.api.ShareFiles(t.Context(), ref, node.ShareRequest{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return shared[0]
}

// fetches says what is fetched by itself in a conversation.
func (p *person) fetches(t *testing.T, ref, what string) {
	t.Helper()
	if _, err := p.api.SetFolder(t.Context(), ref, node.FolderChange{Fetch: &what}); err != nil {
		t.Fatal(err)
	}
}

// transfer gives how a share stands with somebody.
func (p *person) transfer(t *testing.T, id kith.EventID) (node.Transfer, error) {
	t.Helper()
	m, err := p.api.Message(t.Context(), id.String())
	if err == nil && m.File == nil {
		err = errors.New("the message shares no file")
	}
	if err != nil {
		return node.Transfer{}, err
	}
	return m.File.Transfer, nil
}

// reaches waits until a share has come to a state, or at least done bytes.
func (p *person) reaches(t *testing.T, id kith.EventID, state node.TransferState, done int64) (now node.Transfer) {
	t.Helper()
	lab.Eventually(t, transferred, func() (err error) {
		now, err = p.transfer(t, id)
		if err == nil && (state != "" && now.State != state || now.Done < done) {
			err = fmt.Errorf("with %s it is %s (%s), %d of %d bytes, from %v", p.name, now.State, now.Reason, now.Done, now.Total, now.From)
		}
		return err
	})
	return now
}

// holds waits until somebody has all of a share, and compares its sum.
func (p *person) holds(t *testing.T, id kith.EventID, want [32]byte) {
	t.Helper()
	at := p.reaches(t, id, node.TransferComplete, 0).Path
	got, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != want {
		t.Fatalf("what %s has is not what was shared", p.name)
	}
}

// Who shared it goes while one member has it and another has a part: the one
// who has it carries on.
func TestSeederLeaves(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan", lab.Line{Rate: 8e6})
	var all []*person
	for _, name := range []string{"Ann", "Bob", "Carl"} {
		all = append(all, lives(t, net.Host(strings.ToLower(name), lan), name, lab.Kith{}))
	}
	ann, bob, carl := all[0], all[1], all[2]
	befriend(t, ann, bob)
	befriend(t, ann, carl)
	sphere(t, "Family", all...)
	carl.fetches(t, "Family", "click")
	bob.fetches(t, "Family", "all")

	path := filepath.Join(t.TempDir(), "film.mkv")
	const size = 24 << 20
	sum := film(t, path, size)
	id := ann.shares(t, "Family", path).ID
	bob.holds(t, id, sum)
	carl.reaches(t, id, node.TransferNone, 0)
	if _, err := carl.api.FetchFile(t.Context(), id.String(), node.FetchRequest{}); err != nil {
		t.Fatal(err)
	}
	carl.reaches(t, id, "", size/8)
	ann.Kill()
	start := time.Now()
	carl.holds(t, id, sum)
	t.Logf("after the end of who shared it, the rest came within %v", time.Since(start).Round(time.Millisecond))
}

// Both sides are killed at random moments while a file is on its way, while
// they start too. It arrives, and what had come does not come again.
func TestKilledWhileFetching(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan", lab.Line{Rate: 12e6})
	ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{Binary: lab.Plain(t)}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{Binary: lab.Plain(t)})
	befriend(t, ann, bob)
	bob.fetches(t, "Ann", "all")
	path := filepath.Join(t.TempDir(), "film.mkv")
	const size = 48 << 20
	sum := film(t, path, size)
	id := ann.shares(t, "Bob", path).ID
	bob.reaches(t, id, "", 1)
	best, lost := int64(0), int64(0)
	for kill := 0; ; kill++ {
		now, err := bob.transfer(t, id)
		if err != nil {
			t.Fatal(err)
		}
		if now.State == node.TransferComplete {
			t.Logf("complete after %d kills; %d bytes had to come twice", kill, lost)
			break
		}
		if kill > 100 {
			t.Fatalf("it does not arrive: %+v", now)
		}
		lost += max(0, best-now.Done)
		best = max(best, now.Done)
		victim := []*person{ann, bob}[kill%2]
		victim.Kill()
		victim.Start()
		bob.reaches(t, id, "", min(now.Done+rand.Int64N(4<<20)+1, size))
	}
	bob.holds(t, id, sum)
	if lost > size/2 {
		t.Errorf("%d bytes of %d had to come twice", lost, int64(size))
	}
	ann.holds(t, id, sum)
}

// A member whose copy went bad hands bad pieces on. The file arrives as it was
// shared, from the others.
func TestBadPieces(t *testing.T) {
	t.Parallel()
	all := inhabit(t, lab.Kith{}, "Ann", "Bob", "Carl")
	ann, bob, carl := all[0], all[1], all[2]
	befriend(t, ann, bob)
	befriend(t, ann, carl)
	sphere(t, "Family", all...)
	bob.fetches(t, "Family", "all")
	carl.fetches(t, "Family", "click")
	path := filepath.Join(t.TempDir(), "film.mkv")
	const size = 16 << 20
	sum := film(t, path, size)
	id := ann.shares(t, "Family", path).ID
	bob.holds(t, id, sum)
	at := bob.reaches(t, id, node.TransferComplete, size).Path
	spoil(t, at)
	// Only Bob is there at first, then Ann too.
	ann.Stop()
	if _, err := carl.api.FetchFile(t.Context(), id.String(), node.FetchRequest{}); err != nil {
		t.Fatal(err)
	}
	carl.reaches(t, id, "", 0)
	ann.Start()
	carl.holds(t, id, sum)
}

// spoil changes a byte in each MiB of a file, which keeps size and time.
func spoil(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(100); at < info.Size(); at += 1 << 20 {
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0]++
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

// The disk fills while a file arrives: that is said, nothing breaks, and with
// room again it goes on by itself.
func TestDiskFillsWhileFetching(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small disk can't be made: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	env := []string{"KITH_LOOPBACK=1"}
	here := lab.Here(t)
	ann, bob := lives(t, here, "Ann", lab.Kith{Env: env}), lives(t, here, "Bob", lab.Kith{Env: append(env, "KITH_FOLDERS="+disk)})
	befriend(t, ann, bob)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "film.mkv")
	sum := film(t, path, 12<<20)
	id := ann.shares(t, "Bob", path).ID
	full := bob.reaches(t, id, node.TransferFull, 0)
	t.Logf("it says: %s", full.Reason)
	m := ann.says(t, bob, "your disk is full")
	ann.is(t, m, kith.Delivered, kith.Read)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	bob.holds(t, id, sum)
}

// Names that somebody made up to do harm stay in the folder, and none takes
// the place of another file.
func TestNamesFromHell(t *testing.T) {
	t.Parallel()
	ann := inhabit(t, lab.Kith{}, "Ann")[0]
	mallory := newRogue(t, ann.invite(t))
	ann.fetches(t, "Mallory", "all")
	raw, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	var events []kith.Event
	for line := range bytes.Lines(raw) {
		name := unquote(t, string(bytes.TrimRight(line, "\n")))
		share := kith.Share{File: kith.FileRef{Size: 5, Files: 1, Path: name}}
		share.File.Infohash[0], share.File.Key[0] = byte(len(events)+1), 1
		events = append(events, event(uint64(len(events)+1), share))
	}
	talk := mallory.rant()
	accepted := 0
	for i, ev := range events {
		frame, ok := mallory.tries(uint64(accepted+1), ev)
		if !ok {
			t.Logf("can't be said: %q", events[i].Body.(kith.Share).File.Path)
			continue
		}
		if talk.Write(frame) != nil {
			t.Fatalf("the link ended: %v", talk.ended())
		}
		accepted++
	}
	var list []node.Message
	lab.Eventually(t, soon, func() error {
		var err error
		list, err = ann.api.Files(t.Context(), "Mallory", node.FilesPage{Limit: 500})
		placed := 0
		for _, m := range list {
			if m.File.Transfer.Path != "" {
				placed++
			}
		}
		if err == nil && placed != accepted {
			err = fmt.Errorf("%d of %d have a place", placed, accepted)
		}
		return err
	})
	folder, err := ann.api.Folder(t.Context(), "Mallory")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range list {
		at := m.File.Transfer.Path
		rel, err := filepath.Rel(folder.Path, at)
		if err != nil || !filepath.IsLocal(rel) || rel == "." || seen[at] {
			t.Errorf("%q goes to %q", m.File.Path, at)
		}
		seen[at] = true
	}
	t.Logf("%d names", len(list))
}

// unquote reads a line of the list of names, which is written as in Go.
func unquote(t *testing.T, line string) string {
	t.Helper()
	name, err := strconv.Unquote(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return name
}

// tries puts an event into a frame, if it can be said at all.
func (r *rogue) tries(seq uint64, ev kith.Event) (wire.Events, bool) {
	ev.ID, ev.Seq = kith.NewEventID(r.conv, r.own.Account), seq
	raw, err := wire.AppendEvent(nil, &ev)
	return wire.Events{
		Conversation: r.conv, Author: r.own, First: seq,
		Events: []wire.SealedEvent{{Raw: raw, Proof: make([]byte, seal.SelfTagSize)}},
	}, err == nil
}
