package swarm

import (
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

// maxManifest bounds a manifest, in bytes, on both sides.
const maxManifest = 32 << 20

// manifestHead is the length that precedes a manifest.
const manifestHead = 8

// A manifest lists the files of a folder in the order of their bytes. In CBOR
// (RFC 8949, core deterministic encoding) it is
//
//	[1, [[path, size, mtime, executable], …]]
//
// where path has "/" between its segments, mtime is in nanoseconds since 1970
// and executable is a boolean.
type manifest struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Files   []manifestFile
}

type manifestFile struct {
	_          struct{} `cbor:",toarray"`
	Path       string
	Size       uint64
	Modified   int64
	Executable bool
}

var (
	encodeCBOR = func() cbor.EncMode {
		m, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
	decodeCBOR = func() cbor.DecMode {
		m, err := cbor.DecOptions{
			DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
			MaxArrayElements: kith.MaxShareFile + 16, MaxMapPairs: 64, MaxNestedLevels: 8,
			ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		}.DecMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
)

// encode gives the head of a folder's stream: length and manifest.
func (m *manifest) encode() ([]byte, error) {
	body, err := encodeCBOR.Marshal(m)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "list the files of the folder: %w", err)
	}
	if len(body) > maxManifest {
		return nil, kith.Errorf(kith.Invalid, "the names in the folder take %d MiB, at most %d are allowed: share its parts one by one", len(body)>>20, maxManifest>>20)
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(len(body))), body...), nil
}

// manifestSize reads how long a manifest is, its head included, from the first
// bytes of a stream.
func manifestSize(head []byte, length int64) (int64, error) {
	n := binary.BigEndian.Uint64(head)
	if n > maxManifest || int64(n)+manifestHead > length {
		return 0, kith.Errorf(kith.BadPeer, "the folder's list of files claims %d bytes", n)
	}
	return int64(n) + manifestHead, nil
}

// parseManifest reads the manifest of a stream of length bytes. head is what
// manifestSize said.
func parseManifest(head []byte, length int64) (*manifest, error) {
	var m manifest
	if err := decodeCBOR.Unmarshal(head[manifestHead:], &m); err != nil {
		return nil, kith.Errorf(kith.BadPeer, "the folder's list of files can't be read: %w", err)
	}
	if m.Version != 1 {
		return nil, kith.Errorf(kith.BadPeer, "the folder was shared by a newer version of Kith: update this one")
	}
	if len(m.Files) > kith.MaxShareFile {
		return nil, kith.Errorf(kith.BadPeer, "the folder holds more than %d files", kith.MaxShareFile)
	}
	left := uint64(length) - uint64(len(head))
	files, folders := make(map[string]bool, len(m.Files)), map[string]bool{}
	for _, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
		if f.Size > left || files[f.Path] {
			return nil, kith.Errorf(kith.BadPeer, "the folder's list of files contradicts itself at %.80q", f.Path)
		}
		left -= f.Size
		files[f.Path] = true
		for dir := f.Path; ; {
			i := strings.LastIndexByte(dir, '/')
			if i < 0 {
				break
			}
			dir = dir[:i]
			if folders[dir] {
				break
			}
			folders[dir] = true
		}
	}
	if left != 0 {
		return nil, kith.Errorf(kith.BadPeer, "the folder's list of files leaves %d bytes over", left)
	}
	for dir := range folders {
		if files[dir] {
			return nil, kith.Errorf(kith.BadPeer, "the folder's list of files has %.80q as a file and as a folder", dir)
		}
	}
	return &m, nil
}

// checkPath holds that a path of somebody else stays below where it is put.
// Which name it gets there is for Config.Place to say.
func checkPath(path string) error {
	bad := len(path) > kith.MaxSharePath || !utf8.ValidString(path) || !fs.ValidPath(path) || path == "." ||
		!filepath.IsLocal(filepath.FromSlash(path)) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' })
	for segment := range strings.SplitSeq(path, "/") {
		bad = bad || len(segment) > kith.MaxShareName
	}
	if bad {
		return kith.Errorf(kith.BadPeer, "the folder holds a file of the impossible name %.80q", path)
	}
	return nil
}
