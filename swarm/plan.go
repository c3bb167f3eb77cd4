package swarm

import (
	"crypto/sha256"
	"sort"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith"
)

// chunkSize is what is asked for at once, in bytes. Other programs use 16 KiB;
// here only Kith answers.
const chunkSize = 128 << 10

// Bounds of what an info dictionary may say.
const (
	minPiece  = 16 << 10
	maxPiece  = 32 << 20
	maxPieces = 1 << 20
	maxInfo   = 24 << 20
)

// pieceLength chooses the piece length for a stream: some thousand pieces, so
// that lists stay short, but no longer than a slow line carries in seconds. A
// disk likes to be given a MiB at once, so up to that a thousand are enough.
func pieceLength(size int64) int64 {
	length := int64(256 << 10)
	for length < 16<<20 && size/length > 4096 || length < 1<<20 && size/length > 1024 {
		length *= 2
	}
	return length
}

// infoSource marks an info dictionary whose pieces hold SHA-256.
const infoSource = "kith 1"

// newInfo gives the info dictionary, in bencoding, and what names it.
func newInfo(size, piece int64, pieces []byte) ([]byte, kith.Infohash, [32]byte, error) {
	private := true
	info := metainfo.Info{
		PieceLength: piece,
		Pieces:      pieces,
		Name:        "0",
		Length:      size,
		Private:     &private,
		Source:      infoSource,
	}
	raw, err := bencode.Marshal(info)
	if err != nil {
		return nil, kith.Infohash{}, [32]byte{}, kith.Errorf(kith.Internal, "describe the torrent: %w", err)
	}
	return raw, kith.Infohash(metainfo.HashBytes(raw)), sha256.Sum256(raw), nil
}

// checkInfo holds that an info dictionary is what ref promised.
func checkInfo(ref *kith.FileRef, raw []byte) (*metainfo.Info, error) {
	if sha256.Sum256(raw) != ref.Sum {
		return nil, kith.Errorf(kith.BadPeer, "the members offer something else than what was shared")
	}
	var info metainfo.Info
	if err := bencode.Unmarshal(raw, &info); err != nil {
		return nil, kith.Errorf(kith.BadPeer, "the share's description can't be read: %w", err)
	}
	n := info.Length
	bad := info.Source != infoSource || info.Private == nil || !*info.Private || len(info.Files) > 0 || info.MetaVersion != 0 ||
		info.PieceLength < minPiece || info.PieceLength > maxPiece || info.PieceLength&(info.PieceLength-1) != 0 ||
		n <= 0 || (n+info.PieceLength-1)/info.PieceLength > maxPieces ||
		int64(len(info.Pieces)) != (n+info.PieceLength-1)/info.PieceLength*20
	if !bad && !ref.Folder {
		bad = uint64(n) != streamSize(ref.Size)
	}
	if bad {
		return nil, kith.Errorf(kith.BadPeer, "the share's description contradicts itself")
	}
	return &info, nil
}

// streamSize is how long the stream of a file is. A torrent of no bytes can't
// be, so an empty file is one zero byte.
func streamSize(size uint64) uint64 { return max(size, 1) }

// A segment is where the bytes of a file lie in the stream.
type segment struct{ offset, size int64 }

// A plan is how a stream is made up of files. Of a folder whose manifest has
// not arrived there is none.
type plan struct {
	head   []byte // length and manifest; nil for a file
	files  []manifestFile
	starts []segment
}

func filePlan(name string, size uint64, modified int64, executable bool) *plan {
	f := manifestFile{Path: name, Size: size, Modified: modified, Executable: executable}
	return &plan{files: []manifestFile{f}, starts: []segment{{0, int64(size)}}}
}

func folderPlan(head []byte, m *manifest) *plan {
	p := &plan{head: head, files: m.Files, starts: make([]segment, len(m.Files))}
	at := int64(len(head))
	for i, f := range m.Files {
		p.starts[i] = segment{at, int64(f.Size)}
		at += int64(f.Size)
	}
	return p
}

// each calls f for every part of the stream from offset on, n bytes long, that
// lies in a file, in order. Empty files have none.
func (p *plan) each(offset, n int64, f func(file int, at, from, to int64) error) error {
	end := offset + n
	i := sort.Search(len(p.starts), func(i int) bool { return p.starts[i].offset+p.starts[i].size > offset })
	for ; i < len(p.starts) && p.starts[i].offset < end; i++ {
		s := p.starts[i]
		from, to := max(offset, s.offset), min(end, s.offset+s.size)
		if from >= to {
			continue
		}
		if err := f(i, from-s.offset, from-offset, to-offset); err != nil {
			return err
		}
	}
	return nil
}
