package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/node"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "100MB": 100_000_000, "2GiB": 2 << 30, "500kB": 500_000, "1.5 GB": 1_500_000_000, "10m": 10_000_000, "1TiB": 1 << 40,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "1XB", "NaN", "Inf", "many", "99999999999GB", "9EB1", "10EB", "1e3"} {
		if got, err := parseBytes(text); kith.KindOf(err) != kith.Invalid || err == nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]int64{"none": 0, "2MB/s": 2_000_000, "2MB": 2_000_000, "0": 0} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	if _, err := parseRate("2MB/h"); kith.KindOf(err) != kith.Invalid || err == nil {
		t.Errorf("%v", err)
	}
}

func TestParseHours(t *testing.T) {
	got, err := parseHours([]string{"22:00-07:00=none/none", "08:30-12:00=2MB/s/500kB/s", "12:00-13:00=1MiB/0"})
	want := []node.Hours{
		{From: "22:00", Until: "07:00"},
		{From: "08:30", Until: "12:00", Limits: node.Limits{Down: 2_000_000, Up: 500_000}},
		{From: "12:00", Until: "13:00", Limits: node.Limits{Down: 1 << 20}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseHours([]string{"none"}); err != nil || got == nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "22:00-07:00", "22:00=1/1", "24:00-07:00=1/1", "22:60-07:00=1/1", "2:00-07:00=1/1", "22:00-07:00=1", "22:00-07:00=1/2/3", "22:00-07:00=x/y", "22.00-07.00=1/1", "1a:00-07:00=1/1"} {
		if got, err := parseHours([]string{text}); kith.KindOf(err) != kith.Invalid || err == nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestShareable(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, size := range map[string]int64{"a.torrent": 5, "large.torrent": maxTorrent + 1, "empty.torrent": 0} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	paths, magnets, torrents, err := shareable([]string{"a.torrent", "MAGNET:?xt=x", "/b"}, shareOptions{})
	if err != nil || !reflect.DeepEqual(paths, []string{filepath.Join(dir, "a.torrent"), "/b"}) || !reflect.DeepEqual(magnets, []string{"MAGNET:?xt=x"}) || len(torrents) != 1 || torrents[0] != nil {
		t.Errorf("%q %q %q %v", paths, magnets, torrents, err)
	}
	paths, magnets, torrents, err = shareable([]string{"a.torrent"}, shareOptions{torrent: true})
	if err != nil || paths != nil || !reflect.DeepEqual(magnets, []string{""}) || len(torrents) != 1 || len(torrents[0]) != 5 {
		t.Errorf("%q %q %q %v", paths, magnets, torrents, err)
	}
	for _, name := range []string{"none.torrent", "large.torrent", "empty.torrent", "."} {
		if _, _, _, err := shareable([]string{name}, shareOptions{torrent: true}); kith.KindOf(err) != kith.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One line for each file that is read, which changes in its place.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := progress{out: &out}
	for _, s := range []node.Sealing{
		{Name: "a.mp4", Done: 0, Total: 2048},
		{Name: "a.mp4", Done: 1, Total: 2048}, // looks the same
		{Name: "a.mp4", Done: 2048, Total: 2048},
		{Name: "a.mp4", Done: 2048, Total: 2048, Ended: true},
		{Name: "b\x1b[2J\n.mp4", Done: 5, Total: 10},
		{Name: "c", Done: 10, Total: 10, Ended: true}, // b's end was not heard
	} {
		p.sealing(s)
	}
	p.end()
	want := "\rreading a.mp4, 2.0 KiB: 0 %\rreading a.mp4, 2.0 KiB: 100 %\n" +
		"\rreading b␛[2J .mp4, 10 B: 50 %\n" +
		"\rreading c, 10 B: 100 %\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	out.Reset()
	p.show("a long line")
	p.show("short")
	if got, want := out.String(), "\ra long line\rshort      "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// shared is a message with a file in some state.
func shared(state node.TransferState, done int64, reason string) node.Message {
	left := 75
	return node.Message{ID: kith.EventID{1, 2, 3, 4, 5}, FromName: "Bob", Sent: time.Date(2026, 3, 4, 9, 1, 0, 0, time.UTC), File: &node.File{
		Name: "beach.mp4", Size: 1 << 20, Files: 1,
		Transfer: node.Transfer{State: state, Done: done, Total: 1 << 20, Reason: reason, Down: 2048, Left: &left, Path: "/home/a/beach.mp4",
			From: []node.Carrier{{Name: "Bob", Way: "direct"}}},
	}}
}

func TestWaiting(t *testing.T) {
	other := shared(node.TransferFailed, 0, "not this one.")
	other.ID = kith.EventID{9}
	deleted := shared(node.TransferFetching, 9, "")
	deleted.Deleted = true
	for name, c := range map[string]struct {
		seen []node.Message
		kind kith.ErrorKind
		says string // of the error; empty if there is none
	}{
		"here at once":               {[]node.Message{shared(node.TransferComplete, 1<<20, "")}, 0, ""},
		"comes":                      {[]node.Message{shared(node.TransferWaiting, 0, "nobody is there."), other, shared(node.TransferFetching, 9, ""), shared(node.TransferComplete, 1<<20, "")}, 0, ""},
		"what is wanted of a folder": {[]node.Message{shared(node.TransferQueued, 0, ""), shared(node.TransferPartial, 9, "")}, 0, ""},
		"full":                       {[]node.Message{shared(node.TransferFetching, 0, ""), shared(node.TransferFull, 0, "Free 1 GiB.")}, kith.Full, "beach.mp4: disk full. Free 1 GiB"},
		"failed":                     {[]node.Message{shared(node.TransferFailed, 0, "It is damaged.")}, kith.Damaged, "beach.mp4: failed. It is damaged"},
		"paused":                     {[]node.Message{shared(node.TransferFetching, 0, ""), shared(node.TransferPaused, 0, "")}, kith.Conflict, "beach.mp4: paused"},
		"taken back":                 {[]node.Message{shared(node.TransferFetching, 0, ""), deleted}, kith.Conflict, "it was taken back"},
		"no file":                    {[]node.Message{{}}, kith.Conflict, "it was taken back"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _, _ := newTestEnv(t, "")
			w := &waiting{env: e, progress: progress{out: e.err}, events: func(yield func(node.Numbered, error) bool) {
				for _, m := range c.seen[1:] {
					if !yield(node.Numbered{}, kith.Errorf(kith.Unreachable, "lost")) || !yield(node.Numbered{Notice: node.Notice{Type: "transfer", Message: &m}}, nil) {
						return
					}
				}
				t.Error("it waits on")
			}}
			m, err := w.until(t.Context(), c.seen[0])
			if (err == nil) != (c.says == "") || err != nil && (err.Error() != c.says || kith.KindOf(err) != c.kind) {
				t.Errorf("%v of kind %v", err, kith.KindOf(err))
			}
			if last := c.seen[len(c.seen)-1]; err == nil && !reflect.DeepEqual(m, last) {
				t.Errorf("got %+v", m)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e, _, _ := newTestEnv(t, "")
	w := &waiting{env: e, events: func(func(node.Numbered, error) bool) {}}
	if _, err := w.until(ctx, shared(node.TransferWaiting, 0, "")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestPrintFiles(t *testing.T) {
	e, out, _ := newTestEnv(t, "")
	e.printFiles([]node.Message{shared(node.TransferWaiting, 1<<19, "Nobody who has it is connected."), shared(node.TransferComplete, 1<<20, "")})
	want := "aebagbaf  waiting at 50 %  1.0 MiB  beach.mp4  Bob  2026-03-04 09:01  Nobody who has it is connected\n" +
		"aebagbaf  here             1.0 MiB  beach.mp4  Bob  2026-03-04 09:01\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	e.printTransfers(node.Transfers{Down: 2048, Messages: []node.Message{shared(node.TransferFetching, 1<<19, "")}})
	want = "down 2.0 KiB/s, up 0 B/s\naebagbaf  50 %  1.0 MiB  beach.mp4  down 2.0 KiB/s, 1m left, with Bob\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := fetched(shared(node.TransferWaiting, 1<<19, "Nobody is there.")), "beach.mp4: waiting at 50 %. Nobody is there"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fetched(shared(node.TransferComplete, 1<<20, "")), "beach.mp4: here, in /home/a/beach.mp4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	e.printFolder(node.Folder{Path: "/home/a/Kith/Bob\x1b", Fetch: "small", Most: 50 << 20, Skipped: []node.FolderSkipped{{Path: "a.part", Reason: "it is not finished"}}})
	want = "folder   /home/a/Kith/Bob␛\n         not made yet\nfetches  what has at most 50.0 MiB\n  not shared: a.part: it is not finished\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	e.printLimits(node.Transfers{
		Settings: node.TransferSettings{Limits: node.Limits{Down: 2 << 20}, Default: "click", Hours: []node.Hours{{From: "22:00", Until: "07:00", Limits: node.Limits{Up: 1 << 10}}}},
		Now:      node.Limits{Up: 1 << 10},
	})
	want = "down         2.0 MiB/s\nup           no limit\n22:00-07:00  down no limit, up 1.0 KiB/s\nnow          down no limit, up 1.0 KiB/s\nfetches      only what you ask for\ntorrents     off\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Who follows a conversation sees a file when it is shared and when it is here,
// not each step between.
func TestFollowFile(t *testing.T) {
	e, out, _ := newTestEnv(t, "")
	f := &follower{env: e, shown: map[kith.EventID]string{}}
	send := func(kind string, m node.Message) {
		t.Helper()
		if err := f.event(t.Context(), node.Notice{Type: kind, Message: &m}); err != nil {
			t.Fatal(err)
		}
	}
	send("transfer", shared(node.TransferFetching, 5, "")) // not shown before
	send("message", shared(node.TransferNone, 0, ""))
	for done := range int64(10) {
		send("transfer", shared(node.TransferFetching, done, ""))
	}
	send("transfer", shared(node.TransferComplete, 1<<20, ""))
	send("transfer", shared(node.TransferComplete, 1<<20, ""))
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, text, _ := strings.Cut(line, "Bob: ")
		lines = append(lines, strings.TrimSpace(text))
	}
	if want := []string{"[file beach.mp4, 1.0 MiB, not fetched]", "[file beach.mp4, 1.0 MiB]"}; !reflect.DeepEqual(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestLimitFlags(t *testing.T) {
	o := limitOptions{down: quantity{bytes: 5}, up: quantity{bytes: 6}, most: quantity{bytes: 7}, fetch: choice{word: "all"}, torrents: choice{word: "on"}}
	before := node.TransferSettings{Limits: node.Limits{Down: 1, Up: 2}, Default: "click", Most: 3, Hours: []node.Hours{{From: "01:00"}}}
	if got, changed := o.apply(func(string) bool { return false }, before, nil); changed || !reflect.DeepEqual(got, before) {
		t.Errorf("nothing given: %+v", got)
	}
	got, changed := o.apply(func(flag string) bool { return flag == "up" || flag == "torrents" }, before, nil)
	want := before
	want.Up, want.Torrents = 6, true
	if !changed || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	all, _ := o.apply(func(string) bool { return true }, before, []node.Hours{})
	if !reflect.DeepEqual(all, node.TransferSettings{Limits: node.Limits{Down: 5, Up: 6}, Hours: []node.Hours{}, Torrents: true, Default: "all", Most: 7}) {
		t.Errorf("got %+v", all)
	}
}

func TestFoldersDir(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	e, _, _ := newTestEnv(t, "")
	if got, err := e.foldersDir(""); got != "" || err != nil {
		t.Errorf("nothing said: %q, %v", got, err)
	}
	if got, err := e.foldersDir("there"); got != filepath.Join(dir, "there") || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	e.getenv = func(name string) string { return map[string]string{"KITH_FOLDERS": "here"}[name] }
	if got, err := e.foldersDir(""); got != filepath.Join(dir, "here") || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTorrentFlags(t *testing.T) {
	o := torrentOptions{sequential: choice{word: "on"}, firstLast: choice{word: "off"}, ratio: 2}
	before := node.TorrentOptions{FirstLast: true, Ratio: 1}
	if _, changed := o.apply(func(string) bool { return false }, before); changed {
		t.Error("nothing was given, and something changes")
	}
	got, changed := o.apply(func(flag string) bool { return flag == "sequential" }, before)
	if want := (node.TorrentOptions{Sequential: true, FirstLast: true, Ratio: 1, Files: map[string]string{}}); !changed || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	o = torrentOptions{first: []string{"a, b.mkv"}, want: []string{"c.mkv"}, skip: []string{"d.mkv", "c.mkv"}}
	got, changed = o.apply(func(string) bool { return false }, before)
	want := map[string]string{"a, b.mkv": "high", "c.mkv": "normal", "d.mkv": "skip"}
	if !changed || !reflect.DeepEqual(got.Files, want) || !got.FirstLast || got.Ratio != 1 {
		t.Errorf("got %+v", got)
	}
}
