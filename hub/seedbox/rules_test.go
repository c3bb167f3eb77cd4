package seedbox

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

// What goes, and when. A device is a letter, a file a number: those below 10
// have a MiB, others two. A device may keep two of a MiB, and all together four.
func TestWhatGoes(t *testing.T) {
	for _, c := range []struct{ name, story string }{
		{"after the time that files are kept", `
			a keeps 1; a fills 1; wait 89d; kept 1
			wait 2d; kept; a uses 0`},
		{"renewed", `
			a keeps 1; wait 89d; a keeps 1; wait 89d; kept 1
			wait 2d; kept`},
		{"fetched", `
			a keeps 1; a fills 1; wait 89d; fetch 1; wait 89d; kept 1
			wait 2d; kept`},
		{"not fetched, since there is nothing of it", `
			a keeps 1; wait 89d; no fetch 1; wait 2d; kept`},
		{"let go", `
			a keeps 1; b keeps 1; a releases 1; kept 1; a uses 0
			b releases 1; kept; b releases 1; a releases 2`},
		{"renewed by one of two", `
			a keeps 1; b keeps 1; a fills 1; wait 50d; b keeps 1; wait 50d; kept 1; a uses 0; b uses 1
			wait 50d; kept`},
		{"no room of a device", `
			a keeps 1; a fills 1; a keeps 2; a fills 2; no a keeps 3; b keeps 3; kept 1 2 3
			wait 6d; no a keeps 4; a keeps 1; wait 2d; a keeps 4; kept 1 3 4; a uses 2`},
		{"what is fetched stays", `
			a keeps 1; a fills 1; a keeps 2; a fills 2; wait 8d; fetch 1; a keeps 3; kept 1 3`},
		{"only of the device itself", `
			b keeps 1; a keeps 1; wait 1d; a keeps 2; b keeps 2; wait 8d; a keeps 3; kept 1 2 3
			a uses 2; b uses 2; b releases 1; kept 2 3`},
		{"half done first", `
			a keeps 1; a fills 1; wait 1d; a keeps 2; a begins 2; wait 1d; no a keeps 3
			wait 2d; a keeps 3; kept 1 3`},
		{"half done, but going on", `
			a keeps 1; a fills 1; a keeps 2; a begins 2; wait 47h; a goes on with 2; wait 47h; no a keeps 3; kept 1 2`},
		{"nothing in vain", `
			a keeps 1; wait 6d; a keeps 2; wait 2d; no a keeps 10; kept 1 2
			wait 6d; a keeps 10; kept 10`},
		{"larger than all", `
			a keeps 1; wait 8d; no a keeps 20; kept 1`},
		{"no room in all", `
			a keeps 1; a fills 1; b keeps 2; b fills 2; wait 1h; c keeps 3; c fills 3; d keeps 4; d fills 4
			no e keeps 5; wait 6d; fetch 1; wait 2d; e keeps 5; kept 1 3 4 5; e fills 5; kept 1 3 4 5`},
		{"who keeps it does not matter then", `
			a keeps 1; b keeps 1; a fills 1; a keeps 2; a fills 2; c keeps 3; c fills 3; c keeps 4; c fills 4
			wait 8d; fetch 2; fetch 3; fetch 4; e keeps 5; kept 2 3 4 5; a uses 1; b uses 0`},
		{"what is only spoken for takes no room", `
			a keeps 1; a keeps 2; b keeps 3; b keeps 4; c keeps 5; c keeps 6; d keeps 7; kept 1 2 3 4 5 6 7
			a fills 1; a fills 2; b fills 3; b fills 4; no c fills 5; kept 1 2 3 4 5 6 7`},
		{"room of a piece", `
			a keeps 1; a fills 1; wait 1h; b keeps 2; b fills 2; c keeps 3; c fills 3; d keeps 4; e keeps 5; d fills 4
			wait 8d; e fills 5; kept 2 3 4 5`},
		{"half done, and newer than what was looked at", `
			a keeps 1; a fills 1; a keeps 2; a fills 2; b keeps 3; b fills 3; c keeps 4; c fills 4; no e keeps 5
			a releases 2; e keeps 5; e begins 5; e goes on with 5; no d keeps 6; wait 3d; d keeps 6; kept 1 3 4 6`},
		{"who used it last lets go of it", `
			a keeps 1; a fills 1; b keeps 2; b fills 2; b keeps 3; b fills 3; c keeps 4; c fills 4
			wait 6d; d keeps 1; fetch 2; fetch 3; fetch 4; wait 2d; no e keeps 5; d releases 1; e keeps 5; kept 2 3 4 5`},
		{"all as before after a restart", `
			a keeps 1; a fills 1; a keeps 2; a begins 2; b keeps 1; wait 1d; restart; kept 1 2; a uses 2; b uses 1
			no a keeps 3; a goes on with 2; restart; wait 7d; fetch 1; restart; a keeps 3; kept 1 3`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tell(t, c.story) })
		})
	}
}

// A teller does what a story says.
type teller struct {
	t   *testing.T
	dir string
	s   *Store
	cfg Config
}

func tell(t *testing.T, story string) {
	cfg := DefaultConfig()
	cfg.Quota, cfg.Room = 5<<19, 9<<19
	w := &teller{t: t, dir: t.TempDir(), cfg: cfg}
	w.open()
	defer func() { w.s.Close() }()
	for line := range strings.SplitSeq(strings.ReplaceAll(story, "\n", ";"), ";") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		fails := words[0] == "no"
		if fails {
			words = words[1:]
		}
		if err := w.do(words); (err != nil) != fails || fails && kith.KindOf(err) != kith.Full && kith.KindOf(err) != kith.NotFound {
			t.Fatalf("%s: %v", strings.TrimSpace(line), err)
		}
	}
}

func (w *teller) open() {
	s, err := Open(w.dir, w.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
}

func (w *teller) share(word string) *share {
	n, err := strconv.Atoi(word)
	if err != nil {
		w.t.Fatal(err)
	}
	if shares[n] == nil {
		shares[n] = newShare(uint64(n), (1+n/10)<<20)
	}
	return shares[n]
}

// shares are those that stories are about.
var shares = map[int]*share{}

func (w *teller) do(words []string) error {
	switch words[0] {
	case "wait":
		n, unit := words[1][:len(words[1])-1], map[byte]time.Duration{'d': day, 'h': time.Hour}[words[1][len(words[1])-1]]
		count, err := strconv.Atoi(n)
		<-time.After(time.Duration(count) * unit) // of the bubble
		synctest.Wait()
		return err
	case "restart":
		if err := w.s.Close(); err != nil {
			return err
		}
		w.open()
		return nil
	case "fetch":
		f := w.share(words[1])
		part, err := w.s.Fetch(f.hash, 0, 1)
		if err == nil {
			part.Close()
		}
		return err
	case "kept":
		return w.kept(words[1:])
	}
	return w.device(device(words[0][0]), words[1], words[2:])
}

func (w *teller) device(who [32]byte, verb string, rest []string) error {
	give := func(f *share, first, last int) error {
		for n := first; n <= last; n++ {
			if err := w.s.KeepPiece(who, f.hash, n, bytes.NewReader(f.piece(n))); err != nil {
				return err
			}
		}
		return nil
	}
	switch verb {
	case "uses":
		n, err := strconv.ParseInt(rest[0], 10, 64)
		if used := w.s.Keeps(who); err == nil && used>>20 != n {
			err = fmt.Errorf("it uses %d", used)
		}
		return err
	case "goes":
		return give(w.share(rest[2]), 1, 1)
	}
	f := w.share(rest[0])
	switch verb {
	case "keeps":
		_, err := w.s.Keep(who, f.hash, bytes.NewReader(f.info))
		return err
	case "begins":
		return give(f, 0, 0)
	case "fills":
		return give(f, 0, f.pieces()-1)
	case "releases":
		return w.s.Release(who, f.hash)
	}
	return fmt.Errorf("nobody knows how to %s", verb)
}

// kept holds that these files are kept, and no others.
func (w *teller) kept(want []string) error {
	var got []string
	for n := range 30 {
		name := strconv.Itoa(n)
		if _, err := w.s.State(w.share(name).hash); err == nil {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("kept are %v", got)
	}
	return nil
}
