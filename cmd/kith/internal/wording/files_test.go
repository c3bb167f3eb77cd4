package wording

import (
	"math"
	"slices"
	"testing"
	"time"

	"kith/node"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 12_897_485: "12.3 MiB", 5 << 30: "5.0 GiB", 1 << 50: "1024.0 TiB", math.MaxInt64: "8388608.0 TiB",
	} {
		if got := Size(bytes); got != want {
			t.Errorf("%d: %q, want %q", bytes, got, want)
		}
	}
}

// Only what is all here is at 100.
func TestPercent(t *testing.T) {
	for _, c := range []struct {
		done, total int64
		want        int
	}{
		{0, 0, 0}, {0, 10, 0}, {1, 3, 33}, {999_999, 1_000_000, 99}, {10, 10, 100}, {11, 10, 100}, {-1, 10, 0},
		{math.MaxInt64 - 1, math.MaxInt64, 99}, {1, math.MaxInt64, 0},
	} {
		if got := Percent(c.done, c.total); got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.done, c.total, got, c.want)
		}
	}
}

func TestShared(t *testing.T) {
	file := func(state node.TransferState, done int64) *node.File {
		return &node.File{Name: "beach.mp4", Size: 12_897_485, Files: 1, Transfer: node.Transfer{State: state, Done: done, Total: 12_897_485}}
	}
	for _, c := range []struct {
		message node.Message
		want    string
	}{
		{node.Message{Text: "hi"}, "hi"},
		{node.Message{File: file(node.TransferFetching, 5_900_000)}, "[file beach.mp4, 12.3 MiB, 45 %]"},
		{node.Message{File: file(node.TransferComplete, 12_897_485), Text: "day one\nof two"}, "[file beach.mp4, 12.3 MiB] day one\nof two"},
		{node.Message{File: file(node.TransferNone, 0)}, "[file beach.mp4, 12.3 MiB, not fetched]"},
		{node.Message{File: file(node.TransferPaused, 5_900_000)}, "[file beach.mp4, 12.3 MiB, paused at 45 %]"},
		{node.Message{File: file(node.TransferWaiting, 0)}, "[file beach.mp4, 12.3 MiB, waiting]"},
		{node.Message{File: file(node.TransferFull, 0)}, "[file beach.mp4, 12.3 MiB, disk full]"},
		{node.Message{File: file("\x1b[2J", 0)}, "[file beach.mp4, 12.3 MiB, ␛[2J]"},
		{node.Message{File: &node.File{Name: "Fil\nms\u202e", Folder: true, Files: 12, Size: 1 << 30, Transfer: node.Transfer{State: node.TransferComplete}}}, "[folder Fil ms⟨U+202E⟩, 12 files, 1.0 GiB]"},
		{node.Message{File: &node.File{Name: "One", Folder: true, Files: 1, Transfer: node.Transfer{State: node.TransferPartial}}}, "[folder One, 1 file, 0 B, partly here]"},
		{node.Message{Torrent: &node.Torrent{Name: "Debian", Transfer: node.Transfer{State: node.TransferNone}}, Text: "look"}, "[torrent Debian, not fetched] look"},
		{node.Message{Torrent: &node.Torrent{Name: "Debian", Size: 2 << 30, Transfer: node.Transfer{State: node.TransferComplete}}}, "[torrent Debian, 2.0 GiB]"},
		{node.Message{File: file(node.TransferComplete, 0), Deleted: true}, ""},
	} {
		if got := Text(c.message, time.Time{}, time.UTC); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	m := node.Message{FromName: "Bob", File: file(node.TransferComplete, 0), Text: "day\none"}
	if got, want := Quote(m, 60), "Bob: [file beach.mp4, 12.3 MiB] day one"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNotes(t *testing.T) {
	until := time.Date(2026, 2, 19, 23, 30, 0, 0, time.UTC)
	m := node.Message{File: &node.File{
		Transfer: node.Transfer{State: node.TransferWaiting, Reason: "Waits for Bob."},
		Kept: []node.Kept{
			{Hub: "a.example", Have: 10, Size: 10, Until: &until},
			{Hub: "b.example", Have: 63, Size: 100},
			{Hub: "c.ex\x1bample", Size: 100, Reason: "There is no room for it: it has room for 5 GB."},
		},
	}}
	want := []string{"Waits for Bob", "kept by a.example until 2026-02-20", "63 % at b.example", "c.ex␛ample: There is no room for it: it has room for 5 GB"}
	if got := Notes(m, time.FixedZone("", 3600)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Notes(node.Message{Text: "hi"}, time.UTC); got != nil {
		t.Errorf("of a text: %q", got)
	}
}

func TestLeft(t *testing.T) {
	for seconds, want := range map[int]string{0: "0s left", 59: "59s left", 60: "1m left", 3599: "59m left", 3660: "1h 1m left", 200_000: "2d left"} {
		if got := Left(&seconds); got != want {
			t.Errorf("%d: %q, want %q", seconds, got, want)
		}
	}
	if got := Left(nil); got != "" {
		t.Errorf("unknown: %q", got)
	}
}

func TestCarriers(t *testing.T) {
	got := Carriers([]node.Carrier{{Name: "Bob", Way: "direct"}, {Name: "Car\x1bol", Way: "link"}, {Name: "hub.example", Way: "hub"}})
	if want := "Bob, Car␛ol (through the link), hub.example (a hub that keeps it)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSizeThatNobodyKnows(t *testing.T) {
	magnet := node.Message{Torrent: &node.Torrent{Name: "Cosmos"}}
	if _, _, size, ok := TransferOf(magnet); !ok || Size(size) != "size unknown" {
		t.Errorf("of a magnet link: %q", Size(size))
	}
	magnet.Torrent.Size = 2048
	if _, _, size, _ := TransferOf(magnet); Size(size) != "2.0 KiB" {
		t.Errorf("once it is known: %q", Size(size))
	}
}
