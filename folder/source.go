package folder

import (
	"errors"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// A source tells that something happened to a path. "." means that events were
// lost. It may tell too much, never too little.
type source interface {
	events() <-chan string
	add(root, rel string) error
	remove(root, rel string)
	close()
}

// system is the source of the operating system. It turns the absolute names of
// fsnotify into paths of the folder.
type system struct {
	watcher *fsnotify.Watcher
	out     chan string
	done    chan struct{}

	mu    sync.Mutex
	names map[string]string // absolute name of a watched folder: its path
}

// newSource may fail for a reason that [advice] knows.
func newSource() (source, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	s := &system{watcher: w, out: make(chan string), done: make(chan struct{}), names: map[string]string{}}
	go s.run()
	return s, nil
}

func (s *system) run() {
	defer close(s.out)
	for {
		rel := "."
		select {
		case event, open := <-s.watcher.Events:
			if !open {
				return
			}
			if event.Op == fsnotify.Chmod {
				continue // its bytes are the same
			}
			rel = s.path(event.Name)
		case _, open := <-s.watcher.Errors:
			if !open {
				return
			}
		}
		select {
		case s.out <- rel:
		case <-s.done:
			return
		}
	}
}

// path finds the path of an absolute name. An event about a watched folder
// itself, gone or moved, is one about its path.
func (s *system) path(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rel, ok := s.names[name]; ok {
		return rel
	}
	above, ok := s.names[filepath.Dir(name)]
	if !ok {
		return "."
	}
	if above == "." {
		return filepath.Base(name)
	}
	return above + "/" + filepath.Base(name)
}

func (s *system) events() <-chan string { return s.out }

func (s *system) add(root, rel string) error {
	name := filepath.Join(root, filepath.FromSlash(rel))
	s.mu.Lock()
	s.names[name] = rel
	s.mu.Unlock()
	return s.watcher.Add(name)
}

func (s *system) remove(root, rel string) {
	name := filepath.Join(root, filepath.FromSlash(rel))
	s.watcher.Remove(name) // fails if the system has done so already
	s.mu.Lock()
	delete(s.names, name)
	s.mu.Unlock()
}

func (s *system) close() {
	close(s.done)
	s.watcher.Close()
}

// advice says what a person can do about a refused watch.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "; to be told at once, raise fs.inotify.max_user_watches (sysctl)"
	case errors.Is(err, syscall.EMFILE):
		return "; to be told at once, raise fs.inotify.max_user_instances or the limit of open files (ulimit -n)"
	}
	return ""
}
