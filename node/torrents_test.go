package node

import (
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith"
	"kith/swarm"
)

// seeded makes an ordinary torrent that somebody seeds, and a tracker that
// knows them.
func seeded(t *testing.T, name string, data []byte) (torrent []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return seededFrom(t, dir, name)
}

// seededFrom does so with what lies in a folder under a name.
func seededFrom(t *testing.T, dir, name string) (torrent []byte) {
	t.Helper()
	info := metainfo.Info{PieceLength: 16 << 10}
	if err := info.BuildFromFilePath(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	raw, err := bencode.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	seeder, err := swarm.OpenPlain(swarm.PlainConfig{Dir: t.TempDir(), NoDHT: true, NoPEX: true, NoLAN: true, NoTrackers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seeder.Close() })
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer, _ := bencode.Marshal(map[string]any{
			"interval": 1, "peers": string(binary.BigEndian.AppendUint16([]byte{127, 0, 0, 1}, uint16(seeder.Port()))),
		})
		w.Write(answer)
	}))
	t.Cleanup(tracker.Close)
	torrent, err = bencode.Marshal(metainfo.MetaInfo{InfoBytes: raw, Announce: tracker.URL + "/announce"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seeder.AddTorrent(torrent, dir, swarm.PlainOptions{}); err != nil {
		t.Fatal(err)
	}
	return torrent
}

// An ordinary torrent is passed on as it is. It is fetched only by who switched
// that on, and by nobody without a click.
func TestTorrentPassedOn(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	torrent := seeded(t, "linux.iso", data)
	shared := must[Message](t)(ann.ShareTorrent(t.Context(), "Bob", "", torrent, "have a look"))
	if shared.Torrent == nil || shared.Torrent.Name != "linux.iso" || shared.Torrent.Size != 100_000 || shared.Torrent.Transfer.State != TransferNone {
		t.Fatalf("%+v", shared.Torrent)
	}
	find := func() (msg Message, err error) { return bob.Message(t.Context(), shared.ID.String()) }
	eventually(t, bob, "passed on", func() error { _, err := find(); return err })
	if _, err := bob.FetchFile(t.Context(), shared.ID.String(), FetchRequest{}); kith.KindOf(err) != kith.Conflict {
		t.Fatalf("fetched while torrents are off: %v", err)
	}
	settings := must[Transfers](t)(bob.Transfers(t.Context())).Settings
	if settings.Torrents {
		t.Error("torrents are on for somebody who did not switch them on")
	}
	settings.Torrents = true
	must[TransferSettings](t)(bob.SetTransferSettings(t.Context(), settings))
	if msg := must[Message](t)(find()); msg.Torrent.Magnet != shared.Torrent.Magnet || msg.Torrent.Transfer.State != TransferNone {
		t.Errorf("%+v", msg.Torrent)
	}
	must[Message](t)(bob.FetchFile(t.Context(), shared.ID.String(), FetchRequest{}))
	must[Message](t)(bob.SetTorrentOptions(t.Context(), shared.ID.String(), TorrentOptions{Sequential: true, Ratio: 2}))
	var at string
	eventually(t, bob, "fetched", func() error {
		msg, err := find()
		if err == nil && (msg.Torrent.Transfer.State != TransferComplete || !msg.Torrent.Options.Sequential) {
			err = kith.Errorf(kith.Conflict, "%+v", msg.Torrent)
		}
		at = msg.Torrent.Transfer.Path
		return err
	})
	holds(t, filepath.Join(at, "linux.iso"), data)
	must[Message](t)(bob.DropFile(t.Context(), shared.ID.String()))
	if msg := must[Message](t)(find()); msg.Torrent.Transfer.State != TransferNone {
		t.Errorf("%+v", msg.Torrent)
	}
	for _, bad := range [][2]string{{"magnet:?xt=urn:nothing", ""}, {"", "no torrent"}} {
		if _, err := ann.ShareTorrent(t.Context(), "Bob", bad[0], []byte(bad[1]), ""); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Of a torrent with many files those are fetched that are wanted. What its files
// are is known to nobody who did not ask the public for it.
func TestFilesOfATorrent(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	dir, data := t.TempDir(), make([]byte, 100_000)
	if err := os.MkdirAll(filepath.Join(dir, "show", "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.mkv", "two.mkv", "more/three.mkv"} {
		data[len(name)]++
		if err := os.WriteFile(filepath.Join(dir, "show", filepath.FromSlash(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := must[Message](t)(ann.ShareTorrent(t.Context(), "Bob", "", seededFrom(t, dir, "show"), "")).ID.String()
	eventually(t, bob, "passed on", func() error { _, err := bob.Message(t.Context(), id); return err })
	settings := must[Transfers](t)(bob.Transfers(t.Context())).Settings
	settings.Torrents = true
	must[TransferSettings](t)(bob.SetTransferSettings(t.Context(), settings))
	if _, err := bob.FileEntries(t.Context(), id); kith.KindOf(err) != kith.Conflict {
		t.Errorf("before anything was asked for: %v", err)
	}
	must[Message](t)(bob.FetchFile(t.Context(), id, FetchRequest{Files: []string{"more/three.mkv"}}))
	stands := func(want map[string]string) {
		t.Helper()
		eventually(t, bob, "fetched as it is wanted", func() error {
			list, err := bob.FileEntries(t.Context(), id)
			if err != nil || len(list) != 3 {
				return kith.Errorf(kith.Conflict, "%v, %v", list, err)
			}
			for _, f := range list {
				state := "skipped"
				switch {
				case f.Complete:
					state = "here"
				case f.First:
					state = "first"
				case f.Wanted:
					state = "wanted"
				}
				if state != want[f.Path] {
					return kith.Errorf(kith.Conflict, "%+v", f)
				}
			}
			return nil
		})
	}
	stands(map[string]string{"one.mkv": "skipped", "two.mkv": "skipped", "more/three.mkv": "here"})
	eventually(t, bob, "all that is wanted is here", func() error {
		if m := must[Message](t)(bob.Message(t.Context(), id)); m.Torrent.Transfer.State != TransferPartial {
			return kith.Errorf(kith.Conflict, "%+v", m.Torrent)
		}
		return nil
	})

	// Paused, so that one can look at what was chosen.
	must[Message](t)(bob.PauseFile(t.Context(), id))
	choose := func(files map[string]string) error {
		_, err := bob.SetTorrentOptions(t.Context(), id, TorrentOptions{Ratio: 1.5, Files: files})
		return err
	}
	if err := choose(map[string]string{"one.mkv": "high", "two.mkv": "normal"}); err != nil {
		t.Fatal(err)
	}
	stands(map[string]string{"one.mkv": "first", "two.mkv": "wanted", "more/three.mkv": "here"})
	if err := choose(map[string]string{"two.mkv": "skip"}); err != nil {
		t.Fatal(err)
	}
	stands(map[string]string{"one.mkv": "first", "two.mkv": "skipped", "more/three.mkv": "here"})
	if err := choose(map[string]string{"four.mkv": "skip"}); kith.KindOf(err) != kith.NotFound {
		t.Errorf("a file that it has not: %v", err)
	}
	if err := choose(map[string]string{"one.mkv": "never"}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("no priority: %v", err)
	}
	if m := must[Message](t)(bob.ResumeFile(t.Context(), id)); m.Torrent.Options.Ratio != 1.5 {
		t.Errorf("%+v", m.Torrent.Options)
	}
	stands(map[string]string{"one.mkv": "here", "two.mkv": "skipped", "more/three.mkv": "here"})
	must[Message](t)(bob.FetchFile(t.Context(), id, FetchRequest{}))
	stands(map[string]string{"one.mkv": "here", "two.mkv": "here", "more/three.mkv": "here"})
}
