// Package archive keeps a few files in one, sealed by a passphrase and whole or
// nothing.
//
// An archive is an age file (filippo.io/age, scrypt recipient) around a tar
// stream. Its first entry is a manifest that names the others, their sizes and
// their SHA-256:
//
//	age( tar( manifest.json, file, file, … ) )
//
// age authenticates every chunk and the end; the manifest is checked besides,
// so that a mistake in writing shows as well as damage later.
package archive

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"kith"
)

const (
	manifestName = "manifest.json"
	version      = 1
	maxManifest  = 1 << 20 // bytes
	maxFiles     = 64
)

// A manifest says what is in an archive.
type manifest struct {
	Format  string    `json:"format"` // "kith backup"
	Version int       `json:"version"`
	Made    time.Time `json:"made"`
	Files   []entry   `json:"files"`
}

type entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

const format = "kith backup"

// Write makes the archive of files, by the name they shall have in it and the
// path where they are. The archive appears under its path only when it is whole
// and durable; an existing file is never replaced.
func Write(path, passphrase string, made time.Time, files map[string]string) error {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be sealed: %w", err)
	}
	return write(path, recipient, made, files)
}

func write(path string, recipient age.Recipient, made time.Time, files map[string]string) error {
	if _, err := os.Lstat(path); err == nil {
		return kith.Errorf(kith.Conflict, "%s exists already; choose another name", path)
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be written there: %w", err)
	}
	defer os.Remove(part.Name())
	defer part.Close()
	sealed, err := age.Encrypt(part, recipient)
	if err != nil {
		return err
	}
	if err := writeTar(sealed, made, files); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	if err := errors.Join(sealed.Close(), part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	// Link, unlike Rename, refuses to replace a file that came meanwhile; not
	// every file system has it.
	if err := os.Link(part.Name(), path); err == nil {
		return nil
	} else if errors.Is(err, os.ErrExist) {
		return kith.Errorf(kith.Conflict, "%s exists already; choose another name", path)
	}
	return os.Rename(part.Name(), path)
}

func writeTar(w io.Writer, made time.Time, files map[string]string) error {
	list := manifest{Format: format, Version: version, Made: made.UTC()}
	for name, path := range files {
		sum, size, err := digest(path)
		if err != nil {
			return err
		}
		list.Files = append(list.Files, entry{name, size, sum})
	}
	encoded, err := json.Marshal(list)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	if err := out.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(encoded)), ModTime: made}); err != nil {
		return err
	}
	if _, err := out.Write(encoded); err != nil {
		return err
	}
	for _, e := range list.Files {
		if err := out.WriteHeader(&tar.Header{Name: e.Name, Mode: 0o600, Size: e.Size, ModTime: made}); err != nil {
			return err
		}
		if err := copyFrom(out, files[e.Name]); err != nil {
			return err
		}
	}
	return out.Close()
}

func copyFrom(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func digest(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// Read opens an archive and puts its files, verified and durable, into an
// empty folder. On an error what it put there is of no use.
func Read(path, passphrase, folder string) error {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be opened: %w", err)
	}
	return read(path, identity, folder)
}

func read(path string, identity age.Identity, folder string) error {
	f, err := os.Open(path)
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be read: %w", err)
	}
	defer f.Close()
	opened, err := age.Decrypt(f, identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return kith.Errorf(kith.Invalid, "this is not the passphrase of the backup")
	}
	if err != nil {
		return damaged(err)
	}
	in := tar.NewReader(opened)
	list, err := readManifest(in)
	if err != nil {
		return err
	}
	for _, e := range list.Files {
		if err := readFile(in, e, folder); err != nil {
			return err
		}
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		return damaged(errors.New("there is more in it than its manifest says"))
	}
	// The end of the sealed stream proves that nothing was cut off.
	if _, err := io.Copy(io.Discard, opened); err != nil {
		return damaged(err)
	}
	return nil
}

func readManifest(in *tar.Reader) (list manifest, err error) {
	header, err := in.Next()
	if err != nil {
		return list, damaged(err)
	}
	if header.Name != manifestName || header.Size > maxManifest {
		return list, damaged(errors.New("it has no manifest"))
	}
	if err := json.NewDecoder(io.LimitReader(in, maxManifest)).Decode(&list); err != nil {
		return list, damaged(err)
	}
	if list.Format != format {
		return list, kith.Errorf(kith.Invalid, "the file is not a backup of Kith")
	}
	if list.Version != version {
		return list, kith.Errorf(kith.Conflict, "the backup was made by a newer version of Kith; update first")
	}
	if len(list.Files) > maxFiles {
		return list, damaged(errors.New("it names too many files"))
	}
	return list, nil
}

func readFile(in *tar.Reader, e entry, folder string) error {
	header, err := in.Next()
	if err != nil {
		return damaged(err)
	}
	if header.Name != e.Name || header.Size != e.Size || !filepath.IsLocal(e.Name) || filepath.Base(e.Name) != e.Name {
		return damaged(fmt.Errorf("the file %q is not what its manifest says", header.Name))
	}
	f, err := os.OpenFile(filepath.Join(folder, e.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("unpacking the backup: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), in); err != nil {
		return damaged(err)
	}
	if hex.EncodeToString(h.Sum(nil)) != e.SHA256 {
		return damaged(fmt.Errorf("the checksum of %q is wrong", e.Name))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("unpacking the backup: %w", err)
	}
	return nil
}

func damaged(err error) error {
	return kith.Errorf(kith.Damaged, "the backup is damaged or incomplete, nothing was restored: %w", err)
}
