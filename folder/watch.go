package folder

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"time"

	"kith"
)

// An Op is what happened to a file.
type Op string

// The kinds of [Change]. The last three are about the folder, not a file.
const (
	New     Op = "new"
	Changed Op = "changed"
	Removed Op = "removed"
	Renamed Op = "renamed" // From tells the old name; the bytes are the same
	// Ready: all that happened while nobody watched has been told.
	Ready Op = "ready"
	// Polling: the system gives no watches, or too few, for the reason in Err.
	// The folder is looked through every Options.Poll instead.
	Polling Op = "polling"
	// Lost: the folder is not there, for the reason in Err. No file counts as
	// removed. Ready comes when it is back.
	Lost Op = "lost"
)

// A Change tells one thing that happened in a watched folder.
type Change struct {
	Op    Op
	Path  string // with "/" between the segments
	From  string // of a renamed file
	Entry Entry  // what is there now; of a removed file, what was
	Err   error
}

// An Entry is what Watch remembers of a file to know that it changed.
type Entry struct {
	Path    string
	Size    int64
	ModTime time.Time
	Inode   uint64 // zero where the system tells none (Windows)
	Link    bool   // a symbolic link, which is not followed
}

// same reports whether two entries are of one unchanged file, wherever it lies.
// A second name made of it changes neither.
func (e Entry) same(o Entry) bool {
	return e.Size == o.Size && e.ModTime.Equal(o.ModTime) && e.Inode == o.Inode && e.Link == o.Link
}

// Options tell how to watch. The zero value is sensible.
type Options struct {
	// Known is what the caller remembers from the last time.
	Known []Entry
	// Settle is for how long a file must not change before it is told of; two
	// seconds if zero.
	Settle time.Duration
	// Rescan is how often the folder is looked through although the system
	// tells of changes, for it forgets some and network disks tell of none;
	// ten minutes if zero.
	Rescan time.Duration
	// Poll is how often it is looked through if the system tells of nothing; 30
	// seconds if zero.
	Poll time.Duration
}

// Watch tells what happens in a folder made by [Make] until ctx ends, which
// closes the channel. First come the differences to Options.Known, then Ready,
// then what happens. A file that is being written is told of when it has
// settled. Hidden and temporary files (see [Ignored]), empty folders and
// whatever is neither file nor link are passed over.
//
// Whoever reads slowly misses nothing: what happens meanwhile is told as one
// change when it is their turn. 10,000 files cost about 3 MB.
func Watch(ctx context.Context, root string, options Options) (<-chan Change, error) {
	r, err := open(root)
	if err != nil {
		return nil, err
	}
	r.Close()
	source, err := newSource()
	w := newWatcher(root, options, source)
	if err != nil {
		w.poll(err)
	}
	go w.run(ctx)
	return w.out, nil
}

// A watcher is owned by the goroutine of run. What a scan or the source points
// at becomes pending; when a pending file has settled it is compared to the
// index, and the difference told. Nothing else makes a change, so it does not
// matter how often or in which order something is pointed at.
//
// Times of files are compared to each other only, never to the clock.
type watcher struct {
	root    string
	options Options
	source  source
	out     chan Change

	index   map[string]Entry    // what the caller knows
	inodes  map[uint64]string   // the index by inode
	pending map[string]*waiting // what may differ from it
	folders map[string]bool     // that the source watches
	notices []Change            // about the folder, told before anything else

	rescan  *time.Timer
	soon    bool // rescan fires soon
	polling bool
	lost    bool
	ready   bool
}

// A waiting file is told of at due if it looks like seen then.
type waiting struct {
	due     time.Time
	seen    Entry
	exists  bool
	touched bool // something happened to it since it was seen
}

func newWatcher(root string, options Options, s source) *watcher {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&options.Settle, 2 * time.Second}, {&options.Rescan, 10 * time.Minute}, {&options.Poll, 30 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	w := &watcher{
		root: root, options: options, source: s, out: make(chan Change),
		index: map[string]Entry{}, inodes: map[uint64]string{},
		pending: map[string]*waiting{}, folders: map[string]bool{},
		rescan: time.NewTimer(0),
	}
	for _, e := range options.Known {
		w.put(e)
	}
	w.options.Known = nil
	return w
}

// run is the watcher's life.
func (w *watcher) run(ctx context.Context) {
	defer close(w.out)
	defer w.rescan.Stop()
	if w.source != nil {
		defer w.source.close()
	}
	var tick <-chan time.Time
	for {
		var events <-chan string
		if w.source != nil {
			events = w.source.events()
		}
		select {
		case <-ctx.Done():
			return
		case <-w.rescan.C:
			w.rescan.Reset(w.period())
			w.soon = false
			w.scan(".")
		case rel, open := <-events:
			switch {
			case !open:
				w.source = nil
				w.poll(errors.New("the system ended its watch"))
			case rel == ".":
				w.rescanSoon() // events were lost
			default:
				w.touch(rel)
			}
		case <-tick:
			tick = nil
			w.settle(ctx)
		}
		if !w.tell(ctx) {
			return
		}
		if idle := len(w.pending) == 0 && (w.ready || w.lost); !idle && tick == nil {
			tick = time.After(w.options.Settle / 4)
		}
	}
}

// period is the time to the next scan.
func (w *watcher) period() time.Duration {
	if w.polling || w.lost {
		return w.options.Poll
	}
	return w.options.Rescan
}

// rescanSoon has all looked through once, however many ask for it meanwhile.
func (w *watcher) rescanSoon() {
	if !w.soon {
		w.soon = true
		w.rescan.Reset(w.options.Settle / 4)
	}
}

// poll gives up on being told, for a reason.
func (w *watcher) poll(reason error) {
	if w.polling {
		return
	}
	w.polling = true
	w.rescanSoon()
	w.notices = append(w.notices, Change{Op: Polling, Err: kith.Errorf(kith.Full,
		"cannot watch all of %q: %w; it is looked through every %v instead%s", w.root, reason, w.options.Poll, advice(reason))})
}

// lose says that the folder is gone; all that was pending is void.
func (w *watcher) lose(reason error) {
	if w.lost {
		return
	}
	w.lost, w.ready = true, false
	clear(w.pending)
	w.forget(".")
	w.soon = false
	w.rescan.Reset(w.options.Poll)
	w.notices = append(w.notices, Change{Op: Lost, Err: kith.Errorf(kith.NotFound,
		"the folder %q is not there: %w; connect its disk or choose another folder", w.root, reason)})
}

// tell sends the notices; false if the watcher shall end.
func (w *watcher) tell(ctx context.Context) bool {
	for len(w.notices) > 0 {
		if !w.send(ctx, w.notices[0]) {
			return false
		}
		w.notices = w.notices[1:]
	}
	return true
}

func (w *watcher) send(ctx context.Context, c Change) bool {
	select {
	case w.out <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// touch makes a path pending that something happened to.
func (w *watcher) touch(rel string) {
	if Ignored(rel) || w.lost {
		return
	}
	if p := w.pending[rel]; p != nil {
		p.due, p.touched = time.Now().Add(w.options.Settle), true
		return
	}
	r, err := os.OpenRoot(w.root)
	if err != nil {
		w.lose(err)
		return
	}
	defer r.Close()
	info, err := r.Lstat(rel)
	if err == nil && info.IsDir() {
		if w.folders[rel] {
			w.forget(rel) // it may be another one of that name
			w.rescanSoon()
		} else {
			w.scan(rel)
		}
		return
	}
	if w.folders[rel] {
		w.forget(rel)
		w.below(rel, func(e Entry) { w.wait(e.Path, Entry{}, false) })
	}
	entry, isFile := entryOf(rel, info, err)
	w.wait(rel, entry, isFile)
}

// wait makes a path pending as it looks now.
func (w *watcher) wait(rel string, seen Entry, exists bool) {
	if w.pending[rel] == nil {
		w.pending[rel] = &waiting{due: time.Now().Add(w.options.Settle), seen: seen, exists: exists}
	}
}

// put notes an entry in the index.
func (w *watcher) put(e Entry) {
	w.drop(e.Path)
	w.index[e.Path] = e
	if e.Inode != 0 {
		w.inodes[e.Inode] = e.Path
	}
}

// drop takes a path out of the index.
func (w *watcher) drop(rel string) {
	e := w.index[rel]
	delete(w.index, rel)
	if w.inodes[e.Inode] == rel {
		delete(w.inodes, e.Inode)
	}
}

// below calls f for what the index has in a folder.
func (w *watcher) below(folder string, f func(Entry)) {
	for rel, e := range w.index {
		if folder == "." || strings.HasPrefix(rel, folder+"/") {
			f(e)
		}
	}
}

// Ignored reports whether a path is none of the conversation's: hidden, ours in
// the making, or a temporary file of an editor, browser or system.
func Ignored(rel string) bool {
	for s := range strings.SplitSeq(rel, "/") {
		low := strings.ToLower(s)
		switch {
		case s == "", s[0] == '.', s[len(s)-1] == '~', strings.HasPrefix(s, "~$"),
			s[0] == '#' && s[len(s)-1] == '#', s == "4913", low == "desktop.ini", low == "thumbs.db", s == "Icon\r":
			return true
		}
		switch path.Ext(low) {
		case Part, ".tmp", ".temp", ".swp", ".swx", ".swo", ".crdownload", ".part", ".partial", ".download":
			return true
		}
	}
	return false
}
