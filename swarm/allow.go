package swarm

import "github.com/anacrolix/torrent"

// allow has the library ask for pieces again, after DisallowDataDownload.
//
// While it may not, the library (v1.62.0) drops a piece from the order in which it
// asks whenever something becomes known of it, but not from those it wants. When
// it may again it takes one after the other back, and panics if it looks at both
// meanwhile. So it is made to look at every piece before: it does when the priority
// of a file changes.
func allow(t *torrent.Torrent) {
	if t.Info() != nil {
		for _, f := range t.Files() {
			is, other := f.Priority(), torrent.PiecePriorityNormal
			if is == other {
				other = torrent.PiecePriorityNone
			}
			f.SetPriority(other)
			f.SetPriority(is)
		}
	}
	t.AllowDataDownload()
}
