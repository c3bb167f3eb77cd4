package store

import (
	"path"

	"github.com/fxamacker/cbor/v2"

	"kith"
	"kith/internal/sqlfile"
)

// A packedBody is what the column messages.body holds: what a message is made
// of beside its text. Numbers of fields are never reused. The preview of a file
// is not in it; it stays in the event.
type packedBody struct {
	File     *packedFile    `cbor:"1,keyasint,omitempty"`
	Torrent  *packedTorrent `cbor:"2,keyasint,omitempty"`
	Replaces []byte         `cbor:"3,keyasint,omitempty"`
	Note     *packedNote    `cbor:"4,keyasint,omitempty"`
}

type packedFile struct {
	Infohash []byte `cbor:"1,keyasint"`
	Key      []byte `cbor:"2,keyasint"`
	Sum      []byte `cbor:"3,keyasint"`
	Size     uint64 `cbor:"4,keyasint,omitempty"`
	Files    uint32 `cbor:"5,keyasint,omitempty"`
	Folder   bool   `cbor:"6,keyasint,omitempty"`
	Path     string `cbor:"7,keyasint"`
	Type     string `cbor:"8,keyasint,omitempty"`
	Width    uint32 `cbor:"9,keyasint,omitempty"`
	Height   uint32 `cbor:"10,keyasint,omitempty"`
	Duration uint32 `cbor:"11,keyasint,omitempty"`
	Preview  bool   `cbor:"12,keyasint,omitempty"` // there is one
}

type packedTorrent struct {
	Magnet string `cbor:"1,keyasint"`
	Name   string `cbor:"2,keyasint,omitempty"`
	Size   uint64 `cbor:"3,keyasint,omitempty"`
}

type packedNote struct {
	Account []byte `cbor:"1,keyasint"` // the record's author
	Device  []byte `cbor:"2,keyasint"`
	Change  uint16 `cbor:"3,keyasint"`
	Subject []byte `cbor:"4,keyasint,omitempty"`
	Name    string `cbor:"5,keyasint,omitempty"`
	Until   int64  `cbor:"6,keyasint,omitempty"`
}

// packBody gives the column; nil, as for every text, if it would say nothing.
func packBody(m *kith.Message) (any, error) {
	if m.File == nil && m.Torrent == nil && m.Note == nil && m.Replaces.IsZero() {
		return nil, nil
	}
	var b packedBody
	if f := m.File; f != nil {
		b.File = &packedFile{
			Infohash: f.Infohash[:], Key: f.Key[:], Sum: f.Sum[:],
			Size: f.Size, Files: f.Files, Folder: f.Folder, Path: f.Path,
			Type: f.Media.Type, Width: f.Media.Width, Height: f.Media.Height, Duration: f.Media.Duration,
			Preview: m.HasPreview,
		}
	}
	if t := m.Torrent; t != nil {
		b.Torrent = &packedTorrent{Magnet: t.Magnet, Name: t.Name, Size: t.Size}
	}
	if !m.Replaces.IsZero() {
		b.Replaces = m.Replaces[:]
	}
	if n := m.Note; n != nil {
		b.Note = &packedNote{
			Account: m.Author.Account[:], Device: m.Author.Device[:],
			Change: uint16(n.Change), Name: n.Name, Until: sqlfile.Millis(n.Until),
		}
		if !n.Subject.IsZero() {
			b.Note.Subject = n.Subject[:]
		}
	}
	return cbor.Marshal(b)
}

// scanBody reads the column body into a message.
func (s *Store) scanBody(r *row, m *kith.Message) {
	raw := r.Rare()
	if len(raw) == 0 {
		return
	}
	var b packedBody
	if err := cbor.Unmarshal(raw, &b); err != nil {
		s.log.Error("read what a message carries", "message", m.ID, "error", err)
		return
	}
	if f := b.File; f != nil {
		m.File = &kith.FileRef{
			Size: f.Size, Files: f.Files, Folder: f.Folder, Path: f.Path,
			Media: kith.Media{Type: f.Type, Width: f.Width, Height: f.Height, Duration: f.Duration},
		}
		copy(m.File.Infohash[:], f.Infohash)
		copy(m.File.Key[:], f.Key)
		copy(m.File.Sum[:], f.Sum)
		m.HasPreview = f.Preview
	}
	if t := b.Torrent; t != nil {
		m.Torrent = &kith.Torrent{Magnet: t.Magnet, Name: t.Name, Size: t.Size}
	}
	copy(m.Replaces[:], b.Replaces)
	if n := b.Note; n != nil {
		m.Note = &kith.Note{Change: kith.ChangeKind(n.Change), Name: n.Name, Until: sqlfile.FromMillis(n.Until)}
		copy(m.Note.Subject[:], n.Subject)
		copy(m.Author.Account[:], n.Account)
		copy(m.Author.Device[:], n.Device)
	}
}

// attachedName is what the index of words takes of a column body: the name of
// the file or torrent, set off from the text.
func attachedName(raw []byte) string {
	var b packedBody
	if len(raw) == 0 || cbor.Unmarshal(raw, &b) != nil {
		return ""
	}
	switch {
	case b.File != nil:
		return "\n" + path.Base(b.File.Path)
	case b.Torrent != nil:
		return "\n" + b.Torrent.Name
	}
	return ""
}
