package shelf

import (
	"cmp"
	"slices"

	"kith/swarm"
)

// isActive reports whether a transfer is one that a person wants to see among
// those under way.
func isActive(st swarm.Status) bool {
	switch st.State {
	case swarm.Seeding, swarm.Partial:
		return st.Up > 0 || st.Down > 0
	}
	return true
}

// sortStatuses keeps what is under way: what is fetched in its order, then what
// is handed on.
func sortStatuses(all []swarm.Status) []swarm.Status {
	all = slices.DeleteFunc(all, func(st swarm.Status) bool { return !isActive(st) })
	seeds := func(st swarm.Status) int {
		if st.State == swarm.Seeding || st.State == swarm.Partial {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b swarm.Status) int {
		return cmp.Or(cmp.Compare(seeds(a), seeds(b)), cmp.Compare(a.Order, b.Order))
	})
	return all
}
