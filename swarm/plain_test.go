package swarm

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith"
)

func openPlain(t *testing.T, state string) *Plain {
	t.Helper()
	p, err := OpenPlain(PlainConfig{Dir: state, Listen: "127.0.0.1:0", NoTrackers: true, NoDHT: true, NoPEX: true, NoLAN: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAPlainTorrent passes an ordinary torrent between two clients, by its file
// and by its magnet link, and over a restart.
func TestAPlainTorrent(t *testing.T) {
	src := t.TempDir()
	want := noise(t, filepath.Join(src, "show", "one.mkv"), 1<<20, 1)
	noise(t, filepath.Join(src, "show", "two.mkv"), 300_000, 2)
	info := metainfo.Info{PieceLength: 64 << 10}
	if err := info.BuildFromFilePath(filepath.Join(src, "show")); err != nil {
		t.Fatal(err)
	}
	mi := metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info)}
	var raw bytes.Buffer
	if err := mi.Write(&raw); err != nil {
		t.Fatal(err)
	}
	a := openPlain(t, t.TempDir())
	defer a.Close()
	ih, err := a.AddTorrent(raw.Bytes(), src, PlainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await := func(p *Plain, want State) {
		t.Helper()
		eventually(t, string(want), func() bool { st, err := p.Status(ih); return err == nil && st.State == want })
	}
	await(a, Seeding)
	magnet, err := a.Magnet(ih)
	if err != nil {
		t.Fatal(err)
	}
	state, dest := t.TempDir(), t.TempDir()
	b := openPlain(t, state)
	if got, err := b.AddMagnet(magnet, dest, PlainOptions{Sequential: true, FirstLast: true, Ratio: 2}); err != nil || got != ih {
		t.Fatalf("%x, %v", got, err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.Port()))
	eventually(t, "all of it", func() bool {
		b.AddPeer(ih, at)
		st, err := b.Status(ih)
		return err == nil && st.State == Seeding
	})
	same(t, filepath.Join(dest, "show", "one.mkv"), want)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openPlain(t, state)
	defer b.Close()
	await(b, Seeding)
	if err := b.Remove(ih, true); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dest); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What lies in the folder already, under the right names and of the right sizes,
// is believed only if it hashes right: one file is damaged, and fetched again.
func TestAPlainTorrentOverOldFiles(t *testing.T) {
	t.Parallel()
	raw, _, src := ordinary(t, "")
	a := openPlain(t, t.TempDir())
	defer a.Close()
	if _, err := a.AddTorrent(raw, src, PlainOptions{}); err != nil {
		t.Fatal(err)
	}
	dest := t.TempDir()
	if err := os.CopyFS(dest, os.DirFS(src)); err != nil {
		t.Fatal(err)
	}
	damaged, err := os.OpenFile(filepath.Join(dest, "show", "one.mkv"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := damaged.WriteAt([]byte("not what it was"), 1<<20); err != nil {
		t.Fatal(err)
	}
	damaged.Close()
	b := openPlain(t, t.TempDir())
	defer b.Close()
	ih, err := b.AddTorrent(raw, dest, PlainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := b.Status(ih); err != nil || st.State == Seeding {
		t.Errorf("%+v, %v before anything was looked at", st, err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.Port()))
	var fetched int64
	eventually(t, "all of it", func() bool {
		b.AddPeer(ih, at)
		st, err := b.Status(ih)
		for _, peer := range st.Peers {
			fetched = max(fetched, peer.Down)
		}
		return err == nil && st.State == Seeding
	})
	sameTree(t, filepath.Join(src, "show"), filepath.Join(dest, "show"))
	if fetched > 1<<20 {
		t.Errorf("%d bytes were fetched for a damaged piece", fetched)
	}
}

func TestPlainRefusesRubbish(t *testing.T) {
	p := openPlain(t, t.TempDir())
	defer p.Close()
	for _, uri := range []string{"", "magnet:", "http://x", "magnet:?xt=urn:btih:00"} {
		if _, err := p.AddMagnet(uri, t.TempDir(), PlainOptions{}); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", uri, err)
		}
	}
	if _, err := p.AddTorrent([]byte("d4:infoi3ee"), t.TempDir(), PlainOptions{}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("rubbish: %v", err)
	}
}

// Records of versions that had no selection still open.
func TestFormerRecordsOfTorrents(t *testing.T) {
	former, err := encodeCBOR.Marshal(struct {
		Version uint
		Torrent []byte
		Magnet  string
		Dest    string
		Options struct {
			Sequential, FirstLast bool
			Ratio                 float64
			Priorities            map[int]Priority
		}
		Paused bool
		Sent   int64
	}{Version: 1, Magnet: "magnet:?x", Dest: "/there"})
	if err != nil {
		t.Fatal(err)
	}
	var item plainItem
	if err := decodeCBOR.Unmarshal(former, &item); err != nil || item.Dest != "/there" || item.Options.Priorities.Default != Normal || item.Options.Priorities.Files != nil {
		t.Errorf("%+v, %v", item, err)
	}
}

// A file that is not wanted is not fetched, also not the pieces of it that an
// order had raised before.
func TestSkippedFilesOfAPlainTorrent(t *testing.T) {
	t.Parallel()
	raw, _, _ := ordinary(t, "")
	b := openPlain(t, t.TempDir())
	defer b.Close()
	ih, err := b.AddTorrent(raw, t.TempDir(), PlainOptions{Sequential: true, FirstLast: true})
	if err != nil {
		t.Fatal(err)
	}
	raised := func() (n int) {
		for _, run := range b.items[ih].t.PieceStateRuns() {
			if run.Priority > torrent.PiecePriorityNormal {
				n += run.Length
			}
		}
		return n
	}
	eventually(t, "raised by its order", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return raised() > 0 })
	if err := b.SetOptions(ih, PlainOptions{Priorities: None}); err != nil {
		t.Fatal(err)
	}
	if n := raised(); n > 0 {
		t.Errorf("%d pieces of what nobody wants are raised", n)
	}
	if st, err := b.Status(ih); err != nil || st.Total != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// The library panicked at times when a torrent was resumed of whose pieces
// something had become known meanwhile.
func TestPausedAndResumedOften(t *testing.T) {
	t.Parallel()
	raw, _, _ := ordinary(t, "")
	p := openPlain(t, t.TempDir())
	defer p.Close()
	ih, err := p.AddTorrent(raw, t.TempDir(), PlainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	item := p.items[ih]
	wanted := func() (n int) {
		for _, run := range item.t.PieceStateRuns() {
			if run.Priority > torrent.PiecePriorityNone {
				n += run.Length
			}
		}
		return n
	}
	eventually(t, "all of it is wanted", func() bool { return wanted() == item.t.NumPieces() })
	// It looks ever more seldom, but at the beginning often enough.
	for range 300 {
		if err := p.Pause(ih); err != nil {
			t.Fatal(err)
		}
		item.t.Piece(item.t.NumPieces() - 1).UpdateCompletion()
		item.t.Piece(0).SetPriority(torrent.PiecePriorityNone)
		if err := p.Resume(ih); err != nil {
			t.Fatal(err)
		}
	}
	if n := wanted(); n != item.t.NumPieces() {
		t.Errorf("%d of %d pieces are wanted", n, item.t.NumPieces())
	}
}
