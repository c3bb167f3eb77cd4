package swarm

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	announce "github.com/anacrolix/torrent/tracker"

	"kith/internal/btclient"
)

// TestWhatATrackerIsTold follows one tracker through the life of a torrent.
func TestWhatATrackerIsTold(t *testing.T) {
	now := time.Unix(1e9, 0)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	none, started, completed, stopped := announce.None, announce.Started, announce.Completed, announce.Stopped
	here, whole := presence{here: true}, presence{here: true, whole: true, fetched: true}
	k := plainTracker{wait: leastAsk}
	step := func(what string, when time.Duration, is presence, want announce.AnnounceEvent, due bool) {
		t.Helper()
		if event, is := k.due(at(when), is); event != want || is != due {
			t.Errorf("%s: %v, %v", what, event, is)
		}
	}
	failed := errors.New("nobody there")

	step("a paused torrent", 0, presence{}, none, false)
	step("a new one", 0, here, started, true)
	k.told(at(0), started, false, 0, failed)
	step("at once after a failure", 0, here, none, false)
	step("later", leastAsk, here, started, true)
	k.told(at(leastAsk), started, false, 0, failed)
	step("not sooner than twice as late", 2*leastAsk, here, none, false)
	step("then", 3*leastAsk, here, started, true)
	k.busy, k.asked = true, true
	step("while it is told", 3*leastAsk, here, none, false)
	k.told(at(time.Hour), started, false, 30*time.Minute, nil)
	step("before its time", time.Hour+29*time.Minute, here, none, false)
	step("in its time", time.Hour+30*time.Minute, here, none, true)
	k.told(at(2*time.Hour), none, false, 0, nil)
	step("a tracker that wants no pause", 2*time.Hour+time.Second, here, none, false)
	k.soon = true
	step("which is in a hurry", 2*time.Hour+time.Second, here, none, true)
	k.busy, k.soon = true, false
	k.soon = true // it becomes complete while it is told
	k.told(at(2*time.Hour), none, false, time.Hour, nil)
	step("complete", 2*time.Hour+time.Second, whole, completed, true)
	k.soon = false
	k.told(at(3*time.Hour), completed, true, time.Hour, nil)
	step("which is told once", 4*time.Hour, whole, none, true)
	step("at its end", 4*time.Hour, presence{whole: true}, stopped, true)
	k.told(at(4*time.Hour), stopped, true, 0, failed)
	step("which is tried once", 5*time.Hour, presence{whole: true}, none, false)
	step("resumed", 5*time.Hour, whole, started, true)
	k.told(at(5*time.Hour), started, true, time.Hour, nil)
	step("complete from the beginning", 6*time.Hour, whole, none, true)

	late := plainTracker{wait: leastAsk}
	for range 20 {
		late.told(at(0), started, false, 0, failed)
	}
	if got := late.next.Sub(now); got != mostAsk {
		t.Errorf("after many failures the next is in %v", got)
	}
}

func TestTrackersOf(t *testing.T) {
	many := make([]string, 2*mostTrackers)
	for i := range many {
		many[i] = "http://host/" + string(rune('a'+i))
	}
	for _, c := range []struct {
		tiers [][]string
		want  int
	}{
		{nil, 0},
		{[][]string{{"http://a/announce", "udp://b:1"}, {"https://c", "http://a/announce"}}, 3},
		{[][]string{{"", "wss://a", "file:///etc/passwd", "://", "udp"}}, 0},
		{[][]string{many}, mostTrackers},
	} {
		if got := trackersOf(c.tiers); len(got) != c.want {
			t.Errorf("%q: %d", c.tiers, len(got))
		}
	}
}

// TestATrackerHearsOfALife tells a tracker of a torrent that is seeded and one
// that is fetched, to their ends.
func TestATrackerHearsOfALife(t *testing.T) {
	t.Parallel()
	tr := newTracker(t)
	raw, _, folder := ordinary(t, tr.URL+"/announce")
	hears := func(port int, events ...string) {
		t.Helper()
		eventually(t, "the tracker to hear", func() bool { return slices.Equal(tr.heard(port), events) })
	}
	open := func() *Plain {
		p, err := OpenPlain(PlainConfig{Dir: t.TempDir(), Listen: net.JoinHostPort(btclient.LocalIP().String(), "0"), NoDHT: true, NoPEX: true, NoLAN: true})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := open(), open()
	ih, err := a.AddTorrent(raw, folder, PlainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hears(a.Port(), "started")
	if _, err := b.AddTorrent(raw, t.TempDir(), PlainOptions{}); err != nil {
		t.Fatal(err)
	}
	hears(b.Port(), "started", "completed")
	if err := a.Pause(ih); err != nil {
		t.Fatal(err)
	}
	hears(a.Port(), "started", "stopped")
	if err := a.Resume(ih); err != nil {
		t.Fatal(err)
	}
	hears(a.Port(), "started", "stopped", "started")
	aPort, bPort := a.Port(), b.Port()
	if err := errors.Join(a.Remove(ih, false), a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	hears(aPort, "started", "stopped", "started", "stopped")
	hears(bPort, "started", "completed", "stopped")
}
