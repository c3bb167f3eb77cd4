//go:build !windows

package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"kith"
)

// maxPath is what every Unix leaves of sun_path, its final zero taken off:
// 104 bytes on macOS and the BSDs, 108 on Linux.
const maxPath = 103

// socketPath says where the socket of a home is, and the folder that has to be
// the user's own if that is not the home.
func socketPath(home string) (path, folder string, err error) {
	// The socket is made under a longer name first, see listen.
	const temporary = "/.kith-0123456789/s"
	if len(home)+len(temporary) <= maxPath {
		return filepath.Join(home, "kith.sock"), "", nil
	}
	folder = filepath.Join(os.TempDir(), fmt.Sprintf("kith-%d", os.Getuid()))
	if len(folder)+len(temporary) > maxPath {
		return "", "", kith.Errorf(kith.Invalid, "neither the home %s nor the folder for temporary files %s leaves room for a socket, which holds %d bytes: choose a shorter home", home, os.TempDir(), maxPath)
	}
	sum := sha256.Sum256([]byte(home))
	return filepath.Join(folder, hex.EncodeToString(sum[:6])+".sock"), folder, nil
}

// owned makes sure that nobody else can put a socket into folder.
func owned(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(stat.Uid) != os.Getuid() {
		return kith.Errorf(kith.Forbidden, "%s is not a folder that only you can open: remove it, or choose a shorter home", folder)
	}
	return nil
}

func listen(home string) (*Listener, error) {
	path, folder, err := socketPath(home)
	if err != nil {
		return nil, err
	}
	if folder != "" {
		if err := os.Mkdir(folder, 0o700); err != nil && !os.IsExist(err) {
			return nil, kith.Errorf(kith.Internal, "the folder %s for the socket cannot be made: %w", folder, err)
		}
		if err := owned(folder); err != nil {
			return nil, err
		}
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, kith.Errorf(kith.Conflict, "another Kith answers at %s: end it first", path)
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "the socket %s cannot be made: %w", path, err)
	}
	mine, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, kith.Errorf(kith.Internal, "the socket %s was taken away: %w", path, err)
	}
	// Once, and before the listener closes: from then on the inode, by which
	// files are the same, may be that of another node's socket.
	clean := sync.OnceFunc(func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(mine, now) {
			os.Remove(path)
		}
	})
	return &Listener{Listener: l, clean: clean}, nil
}

// listenPrivately makes the socket in a fresh folder of mode 0700 and moves it
// to path, which replaces a dead one: at no time can anybody else open it.
func listenPrivately(path string) (net.Listener, error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".kith-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	first := filepath.Join(folder, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // its name changes
	if err = os.Chmod(first, 0o600); err == nil {
		err = os.Rename(first, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func transport(home string) (http.RoundTripper, error) {
	path, folder, err := socketPath(home)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if folder != "" {
				if err := owned(folder); err != nil {
					return nil, err
				}
			}
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}, nil
}
