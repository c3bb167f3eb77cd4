package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"kith"
)

// The bodies of events that carry files.

type shareArray struct {
	_        struct{} `cbor:",toarray"`
	File     fileArray
	Caption  string
	ReplyTo  optional16
	Replaces optional16
}

type fileArray struct {
	_        struct{} `cbor:",toarray"`
	Infohash bytes20
	Key      bytes32
	Sum      bytes32
	Size     uint64
	Files    uint32
	Folder   bool
	Path     string
	Media    mediaArray
}

type mediaArray struct {
	_        struct{} `cbor:",toarray"`
	Type     string
	Width    uint32
	Height   uint32
	Duration uint32 // milliseconds
	Preview  blob
}

type torrentArray struct {
	_      struct{} `cbor:",toarray"`
	Magnet string
	Name   string
	Size   uint64
}

// bytes20 is a byte string of exactly that size.
type bytes20 [20]byte

func (b *bytes20) UnmarshalCBOR(data []byte) error { return fixed(b[:], data) }

func packShare(b kith.Share) shareArray {
	f := b.File
	return shareArray{
		File: fileArray{
			Infohash: bytes20(f.Infohash), Key: bytes32(f.Key), Sum: f.Sum,
			Size: f.Size, Files: f.Files, Folder: f.Folder, Path: f.Path,
			Media: mediaArray{Type: f.Media.Type, Width: f.Media.Width, Height: f.Media.Height, Duration: f.Media.Duration, Preview: f.Media.Preview},
		},
		Caption:  b.Caption,
		ReplyTo:  optional16(b.ReplyTo),
		Replaces: optional16(b.Replaces),
	}
}

func parseShare(w shareArray) kith.Share {
	f := w.File
	return kith.Share{
		File: kith.FileRef{
			Infohash: kith.Infohash(f.Infohash), Key: kith.Secret(f.Key), Sum: f.Sum,
			Size: f.Size, Files: f.Files, Folder: f.Folder, Path: f.Path,
			Media: kith.Media{Type: f.Media.Type, Width: f.Media.Width, Height: f.Media.Height, Duration: f.Media.Duration, Preview: f.Media.Preview.orNil()},
		},
		Caption:  w.Caption,
		ReplyTo:  kith.EventID(w.ReplyTo),
		Replaces: kith.EventID(w.Replaces),
	}
}

func checkShare(b kith.Share) error {
	f := b.File
	switch {
	case f.Infohash == kith.Infohash{}:
		return errors.New("it names no torrent")
	case f.Key.IsZero():
		return errors.New("its key is missing")
	case f.Size >= maxInt:
		return fmt.Errorf("a size of %d bytes is too high", f.Size)
	case f.Files == 0 || f.Files > kith.MaxShareFile || !f.Folder && f.Files != 1:
		return fmt.Errorf("it counts %d files; a file is one, a folder 1 to %d", f.Files, kith.MaxShareFile)
	case f.Folder && f.Media.Type != "":
		return errors.New("a folder has no media type")
	case len(f.Media.Preview) > kith.MaxPicture:
		return fmt.Errorf("the preview has %d bytes, at most %d are allowed", len(f.Media.Preview), kith.MaxPicture)
	}
	return errors.Join(
		checkPath(f.Path),
		checkSize("media type", f.Media.Type, kith.MaxMediaType),
		checkSize("caption", b.Caption, kith.MaxCaption))
}

// checkPath holds a path to what any version of any platform may be asked to
// look at. That is far from safe to create: see package folder.
func checkPath(path string) error {
	if err := checkSize("path", path, kith.MaxSharePath); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fmt.Errorf("the path %.80q has the segment %q", path, segment)
		case len(segment) > kith.MaxShareName:
			return fmt.Errorf("a name in the path has %d bytes, at most %d are allowed", len(segment), kith.MaxShareName)
		case strings.ContainsRune(segment, 0):
			return fmt.Errorf("a name in the path %.80q has a zero byte", path)
		}
	}
	return nil
}

func checkTorrent(b kith.Torrent) error {
	if !strings.HasPrefix(b.Magnet, "magnet:?") {
		return errors.New("it is no magnet link")
	}
	if b.Size >= maxInt {
		return fmt.Errorf("a size of %d bytes is too high", b.Size)
	}
	return errors.Join(checkSize("magnet link", b.Magnet, kith.MaxMagnet), checkSize("name", b.Name, kith.MaxShareName))
}

// checkSize holds a text to a number of bytes.
func checkSize(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("the %s has %d bytes, at most %d are allowed", what, len(text), most)
	case !utf8.ValidString(text):
		return fmt.Errorf("the %s is not valid UTF-8", what)
	}
	return nil
}
