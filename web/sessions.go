package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kith"
)

const (
	sessionTime = 30 * 24 * time.Hour
	maxSessions = 100 // the one that ends first makes room
)

// sessions are the browsers that are logged in, and the file that keeps them.
type sessions struct {
	file   string
	cookie string // its name: all nodes of a machine share one host name

	mu    sync.Mutex
	saved saved           // guarded by mu
	lives map[string]life // of the sessions with open streams, by the hash of the secret; guarded by mu
}

// A life is over when its session is.
type life struct {
	ctx context.Context
	end context.CancelFunc
}

// saved is what HOME/sessions holds.
type saved struct {
	Port uint16 `json:"port"`
	// Ends is when each session ends, by the hex SHA-256 of its secret: who
	// reads the file can't log in. A secret of 32 random bytes needs no salt,
	// and comparing hashes tells nothing by the time it takes.
	Ends map[string]time.Time `json:"sessions"`
}

// openSessions reads the file of a home. One that cannot be understood is as
// good as none: people log in again.
func openSessions(home string) (*sessions, error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "the home %q cannot be found: %w", home, err)
	}
	name := sha256.Sum256([]byte(abs))
	s := &sessions{file: filepath.Join(abs, "sessions"), cookie: "kith-" + hex.EncodeToString(name[:4]), lives: map[string]life{}}
	text, err := os.ReadFile(s.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, kith.Errorf(kith.Internal, "the logins in %s cannot be read: %w", s.file, err)
	}
	if json.Unmarshal(text, &s.saved) != nil {
		s.saved = saved{}
	}
	if s.saved.Ends == nil {
		s.saved.Ends = map[string]time.Time{}
	}
	return s, nil
}

func (s *sessions) port() uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved.Port
}

func (s *sessions) setPort(port uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved.Port == port {
		return nil
	}
	s.saved.Port = port
	return s.save()
}

// add begins a session and gives its secret, which is good even if the error
// says that it could not be written down.
func (s *sessions) add(now time.Time) (string, error) {
	secret := newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	var first string
	for hash, end := range s.saved.Ends {
		if !now.Before(end) {
			s.end(hash)
		} else if first == "" || end.Before(s.saved.Ends[first]) {
			first = hash
		}
	}
	if len(s.saved.Ends) >= maxSessions {
		s.end(first)
	}
	s.saved.Ends[hashOf(secret)] = now.Add(sessionTime)
	return secret, s.save()
}

func (s *sessions) remove(secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(hashOf(secret))
	return s.save()
}

// end makes a session useless and ends its streams. The caller holds mu.
func (s *sessions) end(hash string) {
	delete(s.saved.Ends, hash)
	if l, ok := s.lives[hash]; ok {
		l.end()
		delete(s.lives, hash)
	}
}

// during gives a context that ends with parent or with the session of a secret,
// whichever is over first: what one tab's logout ends, ends in all.
func (s *sessions) during(parent context.Context, secret string) (context.Context, context.CancelFunc) {
	hash := hashOf(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithDeadline(parent, s.saved.Ends[hash]) // long ago if there is none
	l, ok := s.lives[hash]
	if ctx.Err() != nil {
		return ctx, cancel
	}
	if !ok {
		l.ctx, l.end = context.WithCancel(context.Background())
		s.lives[hash] = l
	}
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func (s *sessions) valid(secret string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.saved.Ends[hashOf(secret)])
}

func hashOf(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(hash[:])
}

// save replaces the file whole. The caller holds mu.
func (s *sessions) save() error {
	text, err := json.Marshal(s.saved)
	if err == nil {
		err = replaceFile(s.file, text)
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "the logins cannot be written to %s: %w", s.file, err)
	}
	return nil
}

// replaceFile writes a file of mode 0600 in one step.
func replaceFile(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".sessions-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
