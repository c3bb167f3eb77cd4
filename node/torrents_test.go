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
