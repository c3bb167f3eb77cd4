package convo_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/convo"
)

func isParents(err error) bool { return errors.Is(err, convo.ErrParents) }

// TestConcurrentActs lets two people act without knowing of each other, in both
// orders of their clocks.
func TestConcurrentActs(t *testing.T) {
	type act struct {
		by     kith.AccountID
		change kith.Change
	}
	far := account(6)
	for name, c := range map[string]struct {
		left, right []act
		want        map[kith.AccountID]string
	}{
		"two removals of one": {
			[]act{{adam, kith.Removal{Account: dora}}}, []act{{bert, kith.Removal{Account: dora}}},
			map[kith.AccountID]string{dora: "removed"}},
		"a removal beats an addition beside it": {
			[]act{{adam, kith.Removal{Account: dora}}}, []act{{dora, kith.Departure{}}, {bert, kith.Addition{Account: dora}}},
			map[kith.AccountID]string{dora: "removed"}},
		"a removal beats a promotion beside it": {
			[]act{{cleo, kith.Removal{Account: dora}}}, []act{{bert, kith.Promotion{Account: dora}}},
			map[kith.AccountID]string{dora: "removed"}},
		"a demotion beats a promotion beside it": {
			[]act{{cleo, kith.Demotion{Account: bert}}}, []act{{adam, kith.Demotion{Account: bert}}, {adam, kith.Promotion{Account: bert}}},
			map[kith.AccountID]string{bert: "member"}},
		"what a removed admin did beside is void": {
			[]act{{adam, kith.Removal{Account: bert}}}, []act{{bert, kith.Removal{Account: dora}}, {bert, kith.Addition{Account: far}}},
			map[kith.AccountID]string{bert: "removed", dora: "member", far: ""}},
		"and what depends on it falls": {
			[]act{{adam, kith.Removal{Account: bert}}}, []act{{bert, kith.Promotion{Account: emil}}, {emil, kith.Addition{Account: far}}, {emil, kith.Removal{Account: dora}}},
			map[kith.AccountID]string{bert: "removed", emil: "member", far: "", dora: "member"}},
		"a demoted admin's acts beside are void": {
			[]act{{cleo, kith.Demotion{Account: adam}}}, []act{{adam, kith.Removal{Account: bert}}},
			map[kith.AccountID]string{adam: "member", bert: "admin"}},
		"a junior's removal of somebody beside does not bear on a senior": {
			[]act{{bert, kith.Removal{Account: dora}}}, []act{{adam, kith.Promotion{Account: emil}}},
			map[kith.AccountID]string{dora: "removed", emil: "admin"}},
		"a departure counts beside a removal": {
			[]act{{adam, kith.Removal{Account: bert}}}, []act{{bert, kith.Departure{}}},
			map[kith.AccountID]string{bert: "removed"}},
		"and beside a demotion": {
			[]act{{cleo, kith.Demotion{Account: adam}}}, []act{{adam, kith.Departure{}}},
			map[kith.AccountID]string{adam: "left"}},
		"whoever becomes the creator while leaving leaves": {
			[]act{{cleo, kith.Handover{Account: dora}}}, []act{{dora, kith.Departure{}}},
			map[kith.AccountID]string{dora: "left", cleo: "creator"}},
		"of two handovers one counts": {
			[]act{{cleo, kith.Handover{Account: dora}}}, []act{{cleo, kith.Handover{Account: emil}}},
			nil},
		"the creator's acts are never void": {
			[]act{{cleo, kith.Handover{Account: adam}}, {adam, kith.Removal{Account: cleo}}}, []act{{cleo, kith.Addition{Account: far}}},
			map[kith.AccountID]string{adam: "creator"}},
		"two additions at once": {
			[]act{{adam, kith.Addition{Account: far}}}, []act{{bert, kith.Addition{Account: far}}},
			map[kith.AccountID]string{far: "member"}},
	} {
		for _, swap := range []bool{false, true} {
			w, r := family(t)
			other := w.fork(r)
			left, right := c.left, c.right
			if swap {
				left, right = right, left
			}
			for _, a := range left {
				w.write(r, a.by, a.change)
			}
			for _, a := range right {
				w.write(other, a.by, a.change)
			}
			w.merge(r, other)
			if !reflect.DeepEqual(see(r), see(other)) {
				t.Errorf("%s: the copies differ", name)
			}
			for who, want := range c.want {
				if got := in(r, who); got != want {
					t.Errorf("%s (swapped: %v): %d is %q, want %q", name, swap, who[0], got, want)
				}
			}
			creators := 0
			for _, m := range r.State().Members {
				if m.Rank.Role == convo.Creator {
					creators++
				}
			}
			if creators != 1 {
				t.Errorf("%s: %d creators", name, creators)
			}
		}
	}
}

// TestAJuniorDoesNotUndoASenior: somebody is removed by a junior of who makes
// them an admin beside it. The stamps decide which of the two counts, and what
// the new admin did counts if the promotion does.
func TestAJuniorDoesNotUndoASenior(t *testing.T) {
	far := account(6)
	for promotedFirst, want := range map[bool][2]string{true: {"admin", "member"}, false: {"removed", ""}} {
		w, r := family(t)
		other := w.fork(r)
		remove := func() { w.write(r, bert, kith.Removal{Account: dora}) }
		if !promotedFirst {
			remove()
		}
		w.write(other, adam, kith.Promotion{Account: dora})
		w.write(other, dora, kith.Addition{Account: far})
		if promotedFirst {
			remove()
		}
		w.merge(r, other)
		if got := [2]string{in(r, dora), in(r, far)}; got != want {
			t.Errorf("promoted first: %v; got %v, want %v", promotedFirst, got, want)
		}
	}
}

// TestAFallenAdminUndoesNothing: somebody whom a removed admin made an admin
// beside the removal removes a member, whose own act beside that still counts.
func TestAFallenAdminUndoesNothing(t *testing.T) {
	w, r := family(t)
	w.write(r, cleo, kith.Description{Profile: kith.Profile{Name: "Family", Public: true}})
	puppets, members := w.fork(r), w.fork(r)
	w.write(puppets, bert, kith.Promotion{Account: emil})
	w.write(puppets, emil, kith.Removal{Account: dora})
	w.write(members, dora, kith.Addition{Account: account(6)})
	w.write(r, adam, kith.Removal{Account: bert})
	w.merge(r, puppets)
	w.merge(r, members)
	wantIn(t, r, emil, "member")
	wantIn(t, r, dora, "member")
	wantIn(t, r, account(6), "member")
}

// TestOfTwoAtOnce: of two promotions the senior one counts, and of two removals
// each lets through less, whichever comes first.
func TestOfTwoAtOnce(t *testing.T) {
	for _, order := range [][2]kith.AccountID{{adam, bert}, {bert, adam}} {
		w, r := family(t)
		other := w.fork(r)
		w.write(r, order[0], kith.Promotion{Account: dora})
		w.write(other, order[1], kith.Promotion{Account: dora})
		accepts := map[kith.AccountID]uint64{adam: 3, bert: 5}
		w.write(r, order[0], kith.Removal{Account: emil, Accepts: kith.Cut{deviceOf(emil): accepts[order[0]]}})
		w.write(other, order[1], kith.Removal{Account: emil, Accepts: kith.Cut{deviceOf(emil): accepts[order[1]]}})
		w.merge(r, other)
		if err := r.State().MayRemove(bert, dora); kith.KindOf(err) != kith.Forbidden {
			t.Errorf("promoted by adam and bert, and bert removes her: %v", err)
		}
		author := kith.Peer{Account: emil, Device: deviceOf(emil)}
		if s := r.State(); !s.Counts(author, 3, start) || s.Counts(author, 4, start) {
			t.Errorf("removed with 3 and with 5 accepted: %v", s.Former[emil].Accepts)
		}
	}
}

// TestRefusedRecords: what an author has no right to is taken by no roster.
func TestRefusedRecords(t *testing.T) {
	for name, c := range map[string]struct {
		by     kith.AccountID
		change kith.Change
		spoil  func(*kith.Record)
	}{
		"a stranger":                 {by: account(9), change: kith.Description{}},
		"a member adds":              {by: dora, change: kith.Addition{Account: account(6)}},
		"a member removes":           {by: dora, change: kith.Removal{Account: emil}},
		"a member mutes":             {by: dora, change: kith.Muting{Account: emil}},
		"a member describes":         {by: dora, change: kith.Description{}},
		"a junior removes a senior":  {by: bert, change: kith.Removal{Account: adam}},
		"an admin removes creator":   {by: adam, change: kith.Removal{Account: cleo}},
		"an admin removes itself":    {by: adam, change: kith.Removal{Account: adam}},
		"an admin demotes a member":  {by: adam, change: kith.Demotion{Account: dora}},
		"an admin hands over":        {by: adam, change: kith.Handover{Account: dora}},
		"handover to nobody":         {by: cleo, change: kith.Handover{Account: account(9)}},
		"handover to oneself":        {by: cleo, change: kith.Handover{Account: cleo}},
		"the creator leaves":         {by: cleo, change: kith.Departure{}},
		"adds who is in":             {by: cleo, change: kith.Addition{Account: dora}},
		"promotes an admin":          {by: cleo, change: kith.Promotion{Account: adam}},
		"removes nobody":             {by: cleo, change: kith.Removal{Account: account(9)}},
		"a second creation":          {by: cleo, change: kith.Creation{}, spoil: func(r *kith.Record) { r.Parents = nil }},
		"of another sphere":          {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Sphere[0]++ }},
		"without parents":            {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Parents = nil }},
		"a parent twice":             {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Parents = append(r.Parents, r.Parents[0]) }},
		"many parents":               {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Parents = make([]kith.RecordID, kith.MaxParents+1) }},
		"an order not above":         {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Order = uint64(start.UnixMilli()) }},
		"an order beyond all":        {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Order = kith.MaxOrder - 1 }},
		"a time beyond all":          {by: cleo, change: kith.Description{}, spoil: func(r *kith.Record) { r.Sent = start.AddDate(20000, 0, 0) }},
		"mutes for long":             {by: cleo, change: kith.Muting{Account: dora, Until: start.Add(48 * time.Hour)}},
		"mutes for short":            {by: cleo, change: kith.Muting{Account: dora, Until: start.Add(time.Minute)}},
		"changes nothing that it is": {by: cleo, change: nil, spoil: func(r *kith.Record) { r.Change = nil }},
	} {
		w, r := family(t)
		before := see(r)
		change := c.change
		if change == nil {
			change = nop{}
		}
		rec := w.draft(r, c.by, change)
		if c.spoil != nil {
			c.spoil(rec)
		}
		if added, err := r.Add(rec); added || kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v, %v", name, added, err)
		}
		if !reflect.DeepEqual(see(r), before) {
			t.Errorf("%s: it changed something", name)
		}
	}
}

func TestAddIsIdempotentAndWaitsForParents(t *testing.T) {
	w, r := family(t)
	all := r.Missing(nil)
	c := convo.NewRoster(w.creation.Sphere)
	if _, err := c.Add(all[1]); !isParents(err) {
		t.Errorf("without its parent: %v", err)
	}
	for _, rec := range all {
		for _, want := range []bool{true, false} {
			if added, err := c.Add(rec); added != want || err != nil {
				t.Errorf("%s: %v, %v", w.names[rec.ID], added, err)
			}
		}
	}
	if c.Len() != len(all) || !slices.Equal(c.Heads(), r.Heads()) || c.Record(all[2].ID) != all[2] || c.Has(kith.RecordID{1}) {
		t.Error("the copy differs")
	}
	if left := r.Missing(append(c.Heads(), kith.RecordID{7})); len(left) != 0 {
		t.Errorf("%d records are missing in an equal copy", len(left))
	}
	stranger := convo.NewRoster(kith.ConversationID{1})
	if _, err := stranger.Add(w.creation); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a creation of another sphere: %v", err)
	}
}

// TestStatesDoNotChange: a State given away is not touched by what comes later.
func TestStatesDoNotChange(t *testing.T) {
	w, r := family(t)
	s := r.State()
	w.write(r, cleo, kith.Removal{Account: dora})
	w.write(r, cleo, kith.Muting{Account: emil, Until: w.now.Add(2 * time.Hour)})
	if _, ok := s.Members[dora]; !ok || len(s.Former) != 0 || !s.Members[emil].MutedUntil.IsZero() {
		t.Error("an old State changed")
	}
	wantIn(t, r, dora, "removed")
}

func TestUnknownChangesAreKept(t *testing.T) {
	w, r := family(t)
	before := see(r)
	rec := w.write(r, dora, kith.UnknownChange{Number: 77})
	if !r.Has(rec.ID) || !slices.Equal(r.Heads(), []kith.RecordID{rec.ID}) {
		t.Error("it was not kept")
	}
	if after := see(r); !reflect.DeepEqual(after.Members, before.Members) {
		t.Error("it changed the members")
	}
}

func TestNextNamesNotTooMany(t *testing.T) {
	w, r := family(t)
	base := w.fork(r)
	var beside []*kith.Record
	for range kith.MaxParents + 10 {
		beside = append(beside, w.draft(base, cleo, kith.Description{}))
	}
	w.add(r, beside...)
	w.write(r, cleo, kith.Description{Profile: kith.Profile{Name: "b"}})
	if n := len(r.Heads()); n != 11 {
		t.Errorf("%d heads are left, want 11", n)
	}
	w.write(r, cleo, kith.Description{Profile: kith.Profile{Name: "c"}})
	if len(r.Heads()) != 1 || r.State().Profile.Name != "c" {
		t.Errorf("%d heads, %q", len(r.Heads()), r.State().Profile.Name)
	}
}
