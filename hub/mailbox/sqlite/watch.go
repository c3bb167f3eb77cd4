package sqlite

import (
	"slices"

	"kith/hubapi"
)

// Watch has wake called after every write that left something in the box.
func (s *Store) Watch(box hubapi.Key, wake func()) (stop func(), err error) {
	one := &watcher{wake}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[box] = append(s.watchers[box], one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		rest := slices.DeleteFunc(slices.Clone(s.watchers[box]), func(w *watcher) bool { return w == one })
		if len(rest) == 0 {
			delete(s.watchers, box)
			return
		}
		s.watchers[box] = rest
	}, nil
}

// wake tells who watches one of the boxes.
func (s *Store) wake(boxes []hubapi.Key) {
	if len(boxes) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, box := range boxes {
		if i > 0 && box == boxes[i-1] {
			continue
		}
		for _, w := range s.watchers[box] {
			w.wake()
		}
	}
}
