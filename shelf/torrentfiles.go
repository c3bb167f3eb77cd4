package shelf

import (
	"context"
	"maps"
	"slices"

	"kith"
	"kith/store"
	"kith/swarm"
)

// choose wants the named files of a torrent besides those that were wanted
// already; all if none is named.
func choose(p *swarm.Plain, ih kith.Infohash, named map[string]swarm.Priority) error {
	o, err := p.Options(ih)
	if err != nil {
		return err
	}
	if len(named) == 0 {
		o.Priorities = swarm.Selection{}
	} else if o.Priorities, err = prioritised(p, ih, o.Priorities, named); err != nil {
		return err
	}
	return p.SetOptions(ih, o)
}

// prioritised is a selection with changes of single files, which have to be
// among those of the torrent as soon as they are known.
func prioritised(p *swarm.Plain, ih kith.Infohash, s swarm.Selection, changes map[string]swarm.Priority) (swarm.Selection, error) {
	files, err := p.Files(ih)
	if err != nil {
		return s, err
	}
	for name := range changes {
		if files != nil && !slices.ContainsFunc(files, func(f swarm.File) bool { return f.Path == name }) {
			return s, kith.Errorf(kith.NotFound, "the torrent has no file %q; name one as kith files --of lists it", name)
		}
	}
	all := maps.Clone(s.Files) // the client reads the former one
	if all == nil {
		all = map[string]swarm.Priority{}
	}
	maps.Copy(all, changes)
	s.Files = all
	return s, nil
}

// errNothing is what asks for something of a torrent that is not fetched.
var errNothing = kith.Errorf(kith.Conflict, "nothing of this torrent is here, and the files in it are not known; fetch it first")

// torrentFiles lists the files of a torrent that is being fetched, and waits for
// the list as long as ctx lasts. Of any other torrent it asks nobody, for others
// would see that.
func (s *Shelf) torrentFiles(ctx context.Context, id kith.EventID) (files []swarm.File, err error) {
	h, held := s.holding(id)
	var listed <-chan struct{}
	err = s.plain.use(func(p *swarm.Plain) error {
		if !held || h.State != store.Wanted {
			return errNothing
		}
		listed, err = p.Listed(h.Infohash)
		return err
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-listed:
	case <-ctx.Done():
		return nil, kith.Errorf(kith.Unreachable, "the files in this torrent are not known yet: nobody who has it was found; try again later")
	}
	err = s.plain.use(func(p *swarm.Plain) error { files, err = p.Files(h.Infohash); return err })
	return files, err
}
