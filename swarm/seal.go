package swarm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"kith"
	"kith/seal"
)

// hashBlock is how much is read, encrypted and hashed at once, in bytes: little
// enough to stay in a core's own cache from one step to the next.
const hashBlock = 128 << 10

// Sealed is something that was hashed and can be shared.
type Sealed struct {
	// Ref has Infohash, Key, Sum, Size, Files and Folder set; the rest is for
	// the caller to say.
	Ref kith.FileRef
	// Skipped names what in a folder was left out, with the reason.
	Skipped []Skipped

	path      string // absolute
	info      []byte
	plan      *plan
	originals []original
}

// Skipped is what can't be shared.
type Skipped struct {
	Path, Reason string
}

// An original is a file as it was when it was hashed, or when it was complete.
type original struct {
	_        struct{} `cbor:",toarray"`
	Path     string   // absolute, or below a root, with this system's separator
	Size     int64
	Modified int64 // nanoseconds since 1970
}

func (o *original) fits(fi fs.FileInfo) bool {
	return fi.Mode().IsRegular() && fi.Size() == o.Size && fi.ModTime().UnixNano() == o.Modified
}

// Seal hashes the file or folder at path while encrypting it in memory under a
// fresh key. It copies nothing and writes nothing. progress, if not nil, hears
// how many bytes are done, from several goroutines.
//
// Symbolic links in a folder are not followed, and neither they nor devices,
// pipes and sockets are shared. An error is of kind kith.NotFound if path does
// not exist, kith.Invalid if it can't be shared and kith.Conflict if something
// changed meanwhile.
func Seal(ctx context.Context, path string, progress func(done, total int64)) (*Sealed, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "share %q: %w", path, err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, kith.Errorf(kith.NotFound, "share %q: %w", path, err)
	}
	s := &Sealed{path: path}
	s.Ref.Key = seal.NewFileKey()
	switch {
	case fi.Mode().IsRegular():
		s.plan = filePlan(fi.Name(), uint64(fi.Size()), fi.ModTime().UnixNano(), executable(fi))
		s.originals = []original{{Path: path, Size: fi.Size(), Modified: fi.ModTime().UnixNano()}}
	case fi.IsDir():
		s.Ref.Folder = true
		if err := s.walk(ctx); err != nil {
			return nil, err
		}
	default:
		return nil, kith.Errorf(kith.Invalid, "share %q: it is neither a file nor a folder", path)
	}
	for _, f := range s.plan.files {
		s.Ref.Size += f.Size
	}
	s.Ref.Files = uint32(len(s.plan.files))
	if s.Ref.Size > maxPieces*(16<<20)-maxManifest {
		return nil, kith.Errorf(kith.Invalid, "share %q: it is larger than 15 TiB; share its parts one by one", path)
	}
	return s, s.hash(ctx, progress)
}

func executable(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o111 != 0 && runtime.GOOS != "windows" }

// walk lists a folder's files.
func (s *Sealed) walk(ctx context.Context) error {
	var m manifest
	m.Version = 1
	skip := func(name, why string) { s.Skipped = append(s.Skipped, Skipped{name, why}) }
	err := filepath.WalkDir(s.path, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(s.path, name)
		rel = filepath.ToSlash(rel)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && rel == ".":
			return err
		case err != nil:
			skip(rel, "it can't be read")
			return nil
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			skip(rel, "links are not followed")
			return nil
		case !d.Type().IsRegular():
			skip(rel, "it is not a file")
			return nil
		case filepath.Ext(name) == partSuffix:
			skip(rel, "it is not complete")
			return nil
		case checkPath(rel) != nil:
			skip(rel, "its name can't be used on other systems")
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			skip(rel, "it can't be read")
			return nil
		}
		if len(m.Files) == kith.MaxShareFile {
			return kith.Errorf(kith.Invalid, "share %q: it holds more than %d files; pack them, or share its parts one by one", s.path, kith.MaxShareFile)
		}
		m.Files = append(m.Files, manifestFile{Path: rel, Size: uint64(fi.Size()), Modified: fi.ModTime().UnixNano(), Executable: executable(fi)})
		return nil
	})
	if err != nil {
		if kith.KindOf(err) == kith.Internal && ctx.Err() == nil {
			return kith.Errorf(kith.NotFound, "share %q: %w", s.path, err)
		}
		return err
	}
	slices.SortFunc(m.Files, func(a, b manifestFile) int { return cmp.Compare(a.Path, b.Path) })
	head, err := m.encode()
	if err != nil {
		return err
	}
	s.plan = folderPlan(head, &m)
	s.originals = make([]original, len(m.Files))
	for i, f := range m.Files {
		s.originals[i] = original{Path: filepath.Join(s.path, filepath.FromSlash(f.Path)), Size: int64(f.Size), Modified: f.Modified}
	}
	return nil
}

// hash encrypts and hashes the stream with as many workers as there are cores,
// two at least.
func (s *Sealed) hash(ctx context.Context, progress func(done, total int64)) error {
	size := int64(streamSize(s.Ref.Size))
	if s.Ref.Folder {
		size = int64(len(s.plan.head)) + int64(s.Ref.Size)
	}
	length := pieceLength(size)
	count := (size + length - 1) / length
	hashes := make([]byte, count*20)
	disk := newOriginals(s.originals)
	defer disk.close()
	cipher := seal.NewFileCipher(s.Ref.Key)
	var next, done atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range min(max(2, runtime.NumCPU()), int(count)) {
		wg.Go(func() {
			c := &content{cipher: cipher, plan: s.plan, disk: disk, length: size, piece: length}
			buf := make([]byte, hashBlock)
			for failed.Load() == nil {
				p := next.Add(1) - 1
				if p >= count {
					return
				}
				sum, err := c.digest(ctx, int(p), buf)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				copy(hashes[p*20:], sum[:20])
				if n := done.Add(min(length, size-p*length)); progress != nil {
					progress(n, size)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	for i := range s.originals {
		if err := s.originals[i].check(); err != nil {
			return kith.Errorf(kith.Conflict, "share %q: %q changed while it was read; try again when nothing writes to it", s.path, s.originals[i].Path)
		}
	}
	var err error
	s.info, s.Ref.Infohash, s.Ref.Sum, err = newInfo(size, length, hashes)
	if err == nil && len(s.info) > maxInfo {
		err = kith.Errorf(kith.Invalid, "share %q: it is too large; share its parts one by one", s.path)
	}
	return err
}

// digest is the SHA-256 of a piece's ciphertext.
func (c *content) digest(ctx context.Context, piece int, buf []byte) ([sha256.Size]byte, error) {
	h := sha256.New()
	offset := int64(piece) * c.piece
	for end := min(offset+c.piece, c.length); offset < end; {
		if err := ctx.Err(); err != nil {
			return [sha256.Size]byte{}, err
		}
		n := min(int64(len(buf)), end-offset)
		if err := c.readPlan(buf[:n], offset); err != nil {
			return [sha256.Size]byte{}, err
		}
		c.cipher.XORKeyStreamAt(buf[:n], buf[:n], offset)
		h.Write(buf[:n])
		offset += n
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum, nil
}
