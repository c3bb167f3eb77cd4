package store_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/store"
)

// crashEnv and convertEnv make the test binary the process that is killed; their
// value is the path of the database.
const (
	crashEnv   = "KITH_STORE_CRASH"
	convertEnv = "KITH_STORE_CONVERT"
)

// appendForever writes with four writers and prints a line for everything that
// was acknowledged.
func appendForever(path string) {
	s, err := store.Open(context.Background(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for range 4 {
		go func() {
			for {
				ev, err := s.Append(context.Background(), chat, alice.Device, compose(text("a word before the end")))
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println(ev.ID, ev.Seq)
				}
				mu.Unlock()
			}
		}()
	}
	select {}
}

// killed runs this test binary as another program, hears every line that it says
// and kills it after some.
func killed(t *testing.T, env string, after int, hear func(line string)) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() // it always ends by the signal
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == after {
			cmd.Process.Kill()
		}
		hear(lines.Text())
	}
}

func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	acknowledged := make(map[kith.EventID]uint64)
	for round := range 6 {
		killed(t, crashEnv+"="+path, 50+round*137, func(line string) {
			var id kith.EventID
			var seq uint64
			name, number, ok := strings.Cut(line, " ")
			if !ok || id.UnmarshalText([]byte(name)) != nil {
				if name == "error" {
					t.Fatal(line)
				}
				return // cut off in the middle
			}
			if _, err := fmt.Sscan(number, &seq); err == nil {
				acknowledged[id] = seq
			}
		})
		checkAcknowledged(t, path, acknowledged)
	}
}

func checkAcknowledged(t *testing.T, path string, acknowledged map[kith.EventID]uint64) {
	t.Helper()
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	if err := store.Check(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, err := s.EventsAfter(t.Context(), chat, alice.Device, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	lost := maps.Clone(acknowledged)
	for i, ev := range events {
		if ev.Seq != uint64(i+1) {
			t.Fatalf("event %d follows event %d", ev.Seq, i)
		}
		delete(lost, ev.ID)
	}
	for id, seq := range lost {
		t.Errorf("event %s was acknowledged as number %d and is lost", id, seq)
	}
	have := must[kith.Vector](t)(s.Have(t.Context(), chat))
	if n := len(events); have[alice.Device].Seq != uint64(n) || have[alice.Device].ID != events[n-1].ID {
		t.Errorf("has %+v of %d events", have[alice.Device], n)
	}
	found := must[[]store.Entry](t)(s.Search(t.Context(), "before", nil, 1000))
	if len(found) != min(len(events), 1000) {
		t.Errorf("the search finds %d of %d messages", len(found), len(events))
	}
}

// convertForever encrypts a database and makes it plain again.
func convertForever(path string) {
	from, to := (*[32]byte)(nil), key1
	if store.Check(context.Background(), path, from) != nil {
		from, to = to, from
	}
	for {
		if err := store.Convert(context.Background(), path, from, to); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		from, to = to, from
	}
}

func TestKilledWhileConverting(t *testing.T) {
	path := write(t, nil, 100)
	for round := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(40+17*round)*time.Millisecond)
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), convertEnv+"="+path)
		if out, _ := cmd.Output(); len(out) > 0 { // it always ends by the signal
			t.Fatalf("%s", out)
		}
		cancel()
		key := (*[32]byte)(nil)
		err := tryOpen(t, path, key)
		if err != nil {
			key = key1
			err = tryOpen(t, path, key)
		}
		if err == nil {
			err = store.Check(t.Context(), path, key)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := countMessages(t, path, key); n != 100 {
			t.Fatalf("%d messages", n)
		}
	}
}

func countMessages(t *testing.T, path string, key *[32]byte) int {
	s, err := store.Open(t.Context(), path, store.Options{Key: key, Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return len(history(t, s))
}
