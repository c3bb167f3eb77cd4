package node

import (
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"kith"
	"kith/preview"
	"kith/shelf"
	"kith/store"
	"kith/swarm"
)

// viewFile shows what a message shares.
func (r *run) viewFile(entry *store.Entry) *File {
	ref := entry.File
	media := preview.Check(ref.Media)
	view := &File{
		Name:     path.Base(ref.Path),
		Path:     ref.Path,
		Size:     int64(min(ref.Size, math.MaxInt64)),
		Files:    int(ref.Files),
		Folder:   ref.Folder,
		Type:     media.Type,
		Width:    int(media.Width),
		Height:   int(media.Height),
		Duration: int(media.Duration),
		Preview:  entry.HasPreview,
		Transfer: Transfer{State: TransferNone, From: []Carrier{}},
		Kept:     []Kept{},
	}
	if !entry.Replaces.IsZero() {
		view.Replaces = &entry.Replaces
	}
	if r.shelf == nil {
		return view
	}
	if newer, ok := r.shelf.Newer(entry.ID); ok {
		view.ReplacedBy = &newer
	}
	view.Transfer = r.viewTransfer(r.shelf.Standing(entry.ID), entry)
	view.Kept = r.keptAt(ref.Infohash)
	return view
}

// viewTorrent shows an ordinary torrent that was passed on.
func (r *run) viewTorrent(entry *store.Entry) *Torrent {
	t := entry.Torrent
	view := &Torrent{
		Name: t.Name, Magnet: t.Magnet, Size: int64(min(t.Size, math.MaxInt64)),
		Transfer: Transfer{State: TransferNone, From: []Carrier{}},
	}
	if r.shelf == nil {
		return view
	}
	view.Transfer = r.viewTransfer(r.shelf.Standing(entry.ID), entry)
	o := r.shelf.TorrentOptions(entry.ID)
	view.Options = TorrentOptions{Sequential: o.Sequential, FirstLast: o.FirstLast, Ratio: o.Ratio}
	return view
}

// transferStates are the swarm's, as the API names them.
var transferStates = map[swarm.State]TransferState{
	swarm.Waiting: TransferWaiting, swarm.Queued: TransferQueued, swarm.Fetching: TransferFetching,
	swarm.Checking: TransferChecking, swarm.Paused: TransferPaused, swarm.Partial: TransferPartial,
	swarm.Seeding: TransferComplete, swarm.Full: TransferFull, swarm.Missing: TransferMissing,
	swarm.Changed: TransferChanged, swarm.Failed: TransferFailed,
}

func (r *run) viewTransfer(st shelf.Standing, entry *store.Entry) Transfer {
	view := Transfer{State: TransferNone, From: []Carrier{}}
	if !st.Held {
		return view
	}
	view = Transfer{
		State: transferStates[st.State], Reason: st.Reason, Own: st.Own, Path: st.Local,
		Done: st.Done, Total: st.Total, Down: st.Down, Up: st.Up, From: []Carrier{},
	}
	if view.State == TransferPartial && view.Total == 0 {
		view.State = TransferNone // only the list of its pieces is here
	}
	if st.Left >= 0 {
		seconds := int(math.Ceil(st.Left.Seconds()))
		view.Left = &seconds
	}
	if view.State == TransferWaiting && view.Reason == "" {
		view.Reason = r.waitsFor(entry)
	}
	for _, p := range st.Peers {
		carrier := Carrier{Name: p.Way, Way: "direct", Down: p.Down, Up: p.Up} // of a torrent: an address
		switch {
		case p.Name != "":
			carrier.Name, carrier.Way = p.Name, p.Way
		case !p.Device.IsZero():
			carrier.Name, carrier.Way = p.Device.Short(), p.Way
			if l := r.links.device(p.Device); l != nil {
				carrier.Name = r.name(l.Peer().Account)
			}
		}
		view.From = append(view.From, carrier)
	}
	return view
}

// waitsFor says for whom a fetch waits.
func (r *run) waitsFor(entry *store.Entry) string {
	if entry.Torrent != nil {
		return "Nobody who has it was found yet."
	}
	name := r.name(entry.Author.Account)
	if entry.Mine || r.links.has(entry.Author.Account) {
		return "Waits for somebody who has what is missing."
	}
	return "Waits until " + name + ", or somebody else who has it, is connected."
}

// viewFolder shows a conversation's folder.
func viewFolder(f shelf.Folder) Folder {
	view := Folder{Path: f.Path, Made: f.Made, Fetch: f.Fetch, Most: int64(f.Most), Problem: f.Problem, Skipped: []FolderSkipped{}}
	for rel, why := range f.Skipped {
		view.Skipped = append(view.Skipped, FolderSkipped{Path: rel, Reason: why})
	}
	slices.SortFunc(view.Skipped, func(a, b FolderSkipped) int { return strings.Compare(a.Path, b.Path) })
	return view
}

// viewSettings shows what a person set for all transfers.
func viewSettings(o shelf.Settings) TransferSettings {
	view := TransferSettings{Limits: Limits(o.Limits), Hours: []Hours{}, Torrents: o.Torrents, Default: o.Fetch, Most: int64(o.Most)}
	for _, h := range o.Hours {
		view.Hours = append(view.Hours, Hours{From: clock(h.From), Until: clock(h.Until), Limits: Limits(h.Limits)})
	}
	return view
}

const clockForm = "15:04"

// clock writes minutes since midnight as a time of the day.
func clock(minutes int) string {
	return time.Time{}.Add(time.Duration(minutes) * time.Minute).Format(clockForm)
}

// parseClock undoes it.
func parseClock(text string) (int, error) {
	t, err := time.Parse(clockForm, text)
	if err != nil {
		return 0, kith.Errorf(kith.Invalid, "%q is no time of the day: write it as 22:00", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// settings undoes viewSettings.
func (o TransferSettings) settings() (shelf.Settings, error) {
	s := shelf.Settings{Limits: shelf.Limits(o.Limits), Torrents: o.Torrents, Fetch: o.Default, Most: uint64(max(0, o.Most))}
	for _, h := range o.Hours {
		from, err := parseClock(h.From)
		if err != nil {
			return s, err
		}
		until, err := parseClock(h.Until)
		if err != nil {
			return s, err
		}
		s.Hours = append(s.Hours, shelf.Hours{From: from, Until: until, Limits: shelf.Limits(h.Limits)})
	}
	return s, nil
}
