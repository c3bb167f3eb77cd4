package seedbox

import (
	"bytes"
	"crypto/sha1"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith"
	"kith/hubapi"
)

// marshal writes an info dictionary with the library by which nodes do.
func marshal(t testing.TB, change func(*metainfo.Info)) []byte {
	t.Helper()
	private := true
	info := metainfo.Info{PieceLength: 1 << 20, Pieces: bytes.Repeat([]byte("7:private"), 20)[:3*hashSize], Name: "0", Length: 5 << 19, Private: &private, Source: "kith 1"}
	if change != nil {
		change(&info)
	}
	raw, err := bencode.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestInfoOfNodes(t *testing.T) {
	raw := marshal(t, nil)
	s, err := parseInfo(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if s.size != 5<<19 || s.piece != 1<<20 || s.pieces() != 3 || s.length(1) != 1<<20 || s.length(2) != 1<<19 ||
		!strings.HasPrefix(string(raw[s.hashes:]), "7:private7:private") {
		t.Errorf("it says %+v", s)
	}
}

// No other dictionary is taken, even if a BitTorrent client could read it.
func TestInfoOfOthers(t *testing.T) {
	public, pieces := false, strings.Repeat("x", hashSize)
	text := func(s string) []byte { return []byte(s) }
	for what, raw := range map[string][]byte{
		"a name":                 marshal(t, func(i *metainfo.Info) { i.Name = "holiday.mkv" }),
		"several files":          marshal(t, func(i *metainfo.Info) { i.Files = []metainfo.FileInfo{{Length: 1, Path: []string{"x"}}} }),
		"not private":            marshal(t, func(i *metainfo.Info) { i.Private = nil }),
		"private: no":            marshal(t, func(i *metainfo.Info) { i.Private = &public }),
		"SHA-1":                  marshal(t, func(i *metainfo.Info) { i.Source = "" }),
		"a later source":         marshal(t, func(i *metainfo.Info) { i.Source = "kith 2" }),
		"no bytes":               marshal(t, func(i *metainfo.Info) { i.Length = 0 }),
		"fewer bytes":            marshal(t, func(i *metainfo.Info) { i.Length = 2 << 20 }),
		"more bytes":             marshal(t, func(i *metainfo.Info) { i.Length = 3<<20 + 1 }),
		"a half hash":            marshal(t, func(i *metainfo.Info) { i.Pieces = i.Pieces[:50] }),
		"short pieces":           infoOf(1, 8<<10, text(pieces)),
		"long pieces":            infoOf(1, 32<<20, text(pieces)),
		"odd pieces":             infoOf(1, 20<<10, text(pieces)),
		"more than all bytes":    infoOf(1<<62, 16<<20, text(pieces)),
		"nothing":                {},
		"half a dictionary":      marshal(t, nil)[:60],
		"half a hash":            marshal(t, nil)[:100],
		"more behind":            append(marshal(t, nil), 'e'),
		"a list in a list":       bytes.Repeat([]byte("l"), 1<<20),
		"a leading zero":         text("d6:lengthi01e4:name1:012:piece lengthi16384e6:pieces20:" + pieces + infoEnd),
		"a plus":                 text("d6:lengthi+1e4:name1:012:piece lengthi16384e6:pieces20:" + pieces + infoEnd),
		"less than none":         text("d6:lengthi-1e4:name1:012:piece lengthi16384e6:pieces20:" + pieces + infoEnd),
		"a number beyond all":    text("d6:lengthi99999999999999999999e4:name1:012:piece lengthi16384e6:pieces20:" + pieces + infoEnd),
		"hashes that are not so": text("d6:lengthi1e4:name1:012:piece lengthi16384e6:pieces9223372036854775807:" + pieces + infoEnd),
	} {
		if s, err := parseInfo(bytes.NewReader(raw), int64(len(raw))); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%s: it says %+v, %v", what, s, err)
		}
		store := openStore(t, t.TempDir(), DefaultConfig())
		hash := hubapi.InfoHash(sha1.Sum(raw))
		if _, err := store.Keep(device(1), hash, bytes.NewReader(raw)); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%s: keeping it gives %v", what, err)
		}
		if _, err := store.State(hash); kith.KindOf(err) != kith.NotFound {
			t.Errorf("%s: it is kept, %v", what, err)
		}
	}
}

// What is taken here, the library reads in the same way.
func FuzzParseInfo(f *testing.F) {
	f.Add(marshal(f, nil))
	f.Add(newShare(1, testPiece+1).info)
	f.Add([]byte("d6:lengthi1e4:name1:012:piece lengthi16384e6:pieces20:"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseInfo(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			if kith.KindOf(err) != kith.Invalid {
				t.Fatal(err)
			}
			return
		}
		var info metainfo.Info
		if err := bencode.Unmarshal(raw, &info); err != nil {
			t.Fatalf("%q is taken, and is no bencoding: %v", raw, err)
		}
		if info.Length != s.size || info.PieceLength != s.piece || len(info.Pieces) != s.pieces()*hashSize ||
			!bytes.Equal(info.Pieces, raw[s.hashes:s.hashes+int64(len(info.Pieces))]) || info.Name != "0" || info.Source != "kith 1" {
			t.Fatalf("%q is read as %+v, and is %+v", raw, s, info)
		}
		if again, err := bencode.Marshal(info); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%q says more than is read: %v", raw, err)
		}
	})
}
