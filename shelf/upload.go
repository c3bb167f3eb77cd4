package shelf

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"syscall"

	"kith"
	"kith/folder"
)

// batchPattern is what a batch may be called: it becomes the name of a folder.
var batchPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// maxBatches is how many uploads of a conversation lie about at most.
const maxBatches = 16

func uploadDir(root, batch string) string { return filepath.Join(root, ours, "uploads", batch) }

// Upload takes the bytes of a file that lies nowhere on this machine. name is
// its path in what is handed in; what a batch holds is shared together by
// ShareUpload. One that breaks off leaves nothing.
func (s *Shelf) Upload(ctx context.Context, conv kith.ConversationID, batch, name string, r io.Reader) error {
	if !batchPattern.MatchString(batch) {
		return kith.Errorf(kith.Invalid, "an upload is named by 1 to 64 letters, digits and hyphens, not %q", batch)
	}
	if err := s.cfg.Host.MayWrite(conv); err != nil {
		return err
	}
	root, err := s.Root(ctx, conv)
	if err != nil {
		return err
	}
	dir := uploadDir(root, batch)
	if err := roomFor(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return writing(name, err)
	}
	in, err := os.OpenRoot(dir)
	if err != nil {
		return writing(name, err)
	}
	defer in.Close()
	rel := folder.Clean(name)
	if err := in.MkdirAll(path.Dir(rel), 0o700); err != nil {
		return writing(name, err)
	}
	f, err := in.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return kith.Errorf(kith.Conflict, "%q was handed in already", name)
	}
	if err != nil {
		return writing(name, err)
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		in.Remove(rel)
		return writing(name, err)
	}
	return nil
}

func writing(name string, err error) error {
	kind := kith.Internal
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return kith.Errorf(kith.Full, "the disk has no room for %q: %w", name, err)
	case errors.Is(err, fs.ErrPermission):
		kind = kith.Forbidden
	case errors.Is(err, io.ErrUnexpectedEOF):
		kind = kith.Invalid
	}
	return kith.Errorf(kind, "%q could not be written: %w", name, err)
}

// roomFor refuses one batch more than is sensible.
func roomFor(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) >= maxBatches {
		return kith.Errorf(kith.Conflict, "%d uploads wait to be shared already; share or cancel them first", len(entries))
	}
	return nil
}

// ShareUpload shares what was handed in: each file or folder at the top of the
// batch is a share of its own, the caption goes with the first.
func (s *Shelf) ShareUpload(ctx context.Context, conv kith.ConversationID, batch string, req Request) ([]kith.EventID, error) {
	root := s.root(conv)
	if root == "" || !batchPattern.MatchString(batch) {
		return nil, kith.Errorf(kith.NotFound, "there is no upload %q", batch)
	}
	dir := uploadDir(root, batch)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return nil, kith.Errorf(kith.NotFound, "there is no upload %q, or nothing in it", batch)
	}
	if err := s.cfg.Host.MayWrite(conv); err != nil {
		return nil, err
	}
	var shared []kith.EventID
	for _, entry := range entries {
		rel, err := s.claim(conv, root, entry.Name())
		if err != nil {
			return shared, err
		}
		inside := filepath.Join(root, filepath.FromSlash(rel))
		if err := os.Rename(filepath.Join(dir, entry.Name()), inside); err != nil {
			s.release(conv, rel)
			return shared, writing(entry.Name(), err)
		}
		id, err := s.shareInside(ctx, conv, root, rel, req, kith.EventID{})
		if err != nil {
			return shared, err
		}
		shared = append(shared, id)
		req.Caption, req.ReplyTo = "", kith.EventID{}
	}
	return shared, os.Remove(dir)
}

// CancelUpload drops what was handed in.
func (s *Shelf) CancelUpload(conv kith.ConversationID, batch string) error {
	root := s.root(conv)
	if root == "" || !batchPattern.MatchString(batch) {
		return nil
	}
	return os.RemoveAll(uploadDir(root, batch))
}

// dropUploads clears away what was handed in and never shared.
func (s *Shelf) dropUploads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.places {
		if p.Path != "" {
			os.RemoveAll(filepath.Join(p.Path, ours, "uploads"))
		}
	}
}
