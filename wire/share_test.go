package wire

import (
	"strings"
	"testing"

	"kith"
)

func TestShareLimits(t *testing.T) {
	share := func(spoil func(*kith.Share)) kith.Body {
		s := sampleShare()
		spoil(&s)
		return s
	}
	path := func(p string) kith.Body { return share(func(s *kith.Share) { s.File.Path = p }) }
	for name, body := range map[string]kith.Body{
		"no torrent":             share(func(s *kith.Share) { s.File.Infohash = kith.Infohash{} }),
		"no key":                 share(func(s *kith.Share) { s.File.Key = kith.Secret{} }),
		"high size":              share(func(s *kith.Share) { s.File.Size = 1 << 53 }),
		"no files":               share(func(s *kith.Share) { s.File.Files = 0 }),
		"a file of two":          share(func(s *kith.Share) { s.File.Files = 2 }),
		"many files":             share(func(s *kith.Share) { s.File.Folder, s.File.Files = true, kith.MaxShareFile+1 }),
		"a folder with a type":   share(func(s *kith.Share) { s.File.Folder = true }),
		"long type":              share(func(s *kith.Share) { s.File.Media.Type = strings.Repeat("a", kith.MaxMediaType+1) }),
		"large preview":          share(func(s *kith.Share) { s.File.Media.Preview = make([]byte, kith.MaxPicture+1) }),
		"long caption":           share(func(s *kith.Share) { s.Caption = strings.Repeat("a", kith.MaxCaption+1) }),
		"caption not UTF-8":      share(func(s *kith.Share) { s.Caption = "\xff" }),
		"no path":                path(""),
		"absolute path":          path("/a"),
		"path that ends in /":    path("a/"),
		"empty segment":          path("a//b"),
		"here":                   path("a/./b"),
		"up":                     path("a/../b"),
		"up alone":               path(".."),
		"zero byte":              path("a\x00b"),
		"path not UTF-8":         path("a/\xff"),
		"long segment":           path(strings.Repeat("a", kith.MaxShareName+1)),
		"long path":              path(strings.Repeat("a/", kith.MaxSharePath/2) + "a"),
		"no magnet link":         kith.Torrent{Magnet: "https://example.com"},
		"long magnet link":       kith.Torrent{Magnet: "magnet:?" + strings.Repeat("a", kith.MaxMagnet)},
		"long name":              kith.Torrent{Magnet: "magnet:?", Name: strings.Repeat("a", kith.MaxShareName+1)},
		"magnet link not UTF-8":  kith.Torrent{Magnet: "magnet:?\xff"},
		"high size of a torrent": kith.Torrent{Magnet: "magnet:?", Size: 1 << 53},
	} {
		t.Run(name, func(t *testing.T) {
			ev := sampleEvents()["Share"]
			ev.Body = body
			_, err := AppendEvent(nil, &ev)
			wantKind(t, err, kith.Invalid)

			// The parser refuses the same.
			var raw []byte
			switch b := body.(type) {
			case kith.Share:
				raw, err = encode(nil, packShare(b))
			case kith.Torrent:
				raw, err = encode(nil, torrentArray{Magnet: b.Magnet, Name: b.Name, Size: b.Size})
			}
			if err != nil {
				t.Fatal(err)
			}
			w := eventArray{ID: bytes16(eventID), Seq: 1, Kind: uint16(body.Kind()), Body: raw}
			wantKind(t, ParseEvent(must(encode(nil, w)), &ev), kith.BadPeer)
		})
	}
}

// The largest share fits into one event.
func TestLargestShare(t *testing.T) {
	s := sampleShare()
	s.Caption = strings.Repeat("a", kith.MaxCaption)
	s.File.Media.Preview = make([]byte, kith.MaxPicture)
	s.File.Media.Type = strings.Repeat("a", kith.MaxMediaType)
	s.File.Path = strings.Repeat(strings.Repeat("a", 127)+"/", 7) + strings.Repeat("a", 128)
	ev := sampleEvents()["Share"]
	ev.Body = s
	raw, err := AppendEvent(nil, &ev)
	if err != nil {
		t.Fatal(err)
	}
	if err := ParseEvent(raw, &ev); err != nil || len(s.File.Path) != kith.MaxSharePath {
		t.Errorf("%d bytes of path: %v", len(s.File.Path), err)
	}
}
