package convo_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kith"
	"kith/convo"
)

// randomChange draws a change by one of the first people about another.
func randomChange(rt *rapid.T, sent time.Time) kith.Change {
	who := account(rapid.IntRange(1, 7).Draw(rt, "who"))
	cut := kith.Cut{deviceOf(who): rapid.Uint64Range(1, 5).Draw(rt, "cut")}
	switch rapid.IntRange(0, 11).Draw(rt, "change") {
	case 0, 1, 2:
		return kith.Addition{Account: who, Card: who[:], Since: cut}
	case 3, 4:
		return kith.Removal{Account: who, Accepts: cut}
	case 5:
		return kith.Departure{Accepts: cut}
	case 6, 7:
		return kith.Promotion{Account: who}
	case 8:
		return kith.Demotion{Account: who}
	case 9:
		return kith.Handover{Account: who}
	case 10:
		m := kith.Muting{Account: who, Accepts: cut}
		if rapid.Bool().Draw(rt, "mutes") {
			m.Until = sent.Add(kith.MinMute)
		}
		return m
	}
	return kith.Description{Profile: kith.Profile{Name: rapid.StringMatching("[a-z]").Draw(rt, "name"), Public: rapid.Bool().Draw(rt, "public")}}
}

// randomSphere plays a schedule: a few devices that act on what they know, and
// tell each other some of it. Some follow old records on purpose, as if they
// had not seen what came after. It gives a roster with all records.
func randomSphere(rt *rapid.T, t *testing.T) (*world, *convo.Roster) {
	w := newWorld(t, kith.Profile{Name: "a", Public: rapid.Bool().Draw(rt, "public")})
	first := w.roster()
	for n := range 4 {
		w.write(first, cleo, kith.Addition{Account: account(n + 2)})
	}
	for n := range rapid.IntRange(0, 3).Draw(rt, "admins") {
		w.write(first, cleo, kith.Promotion{Account: account(n + 2)})
	}
	copies := []*convo.Roster{first, w.fork(first), w.fork(first), w.fork(first)}
	for range rapid.IntRange(1, 40).Draw(rt, "steps") {
		r := rapid.SampledFrom(copies).Draw(rt, "copy")
		if rapid.IntRange(0, 4).Draw(rt, "tell") == 0 {
			w.merge(r, rapid.SampledFrom(copies).Draw(rt, "other"))
			continue
		}
		by := account(rapid.IntRange(1, 7).Draw(rt, "by"))
		rec := w.draft(r, by, nop{})
		if rapid.IntRange(0, 3).Draw(rt, "backdated") == 0 {
			known := r.Missing(nil)
			old := known[rapid.IntRange(0, len(known)-1).Draw(rt, "upon")]
			rec.Parents, rec.Order = []kith.RecordID{old.ID}, old.Order+1
		}
		rec.Change = randomChange(rt, rec.Sent)
		w.sign(by, rec)
		if _, err := r.Add(rec); err != nil && kith.KindOf(err) != kith.BadPeer {
			rt.Fatal(err)
		}
	}
	for _, c := range copies[1:] {
		w.merge(first, c)
	}
	for _, c := range copies[1:] {
		w.merge(first, c)
		if !reflect.DeepEqual(see(first), see(c)) {
			rt.Fatalf("two copies differ:\n%+v\n%+v", see(first), see(c))
		}
	}
	return w, first
}

// nop is a change that a draft has until it gets its own.
type nop struct{}

func (nop) Kind() kith.ChangeKind   { return 999 }
func (nop) Subject() kith.AccountID { return kith.AccountID{} }

// TestAllOrdersGiveEqualStates delivers random schedules in random orders, with
// States asked for on the way or not.
func TestAllOrdersGiveEqualStates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := randomSphere(rt, t)
		want := see(r)
		for range 3 {
			c := convo.NewRoster(w.creation.Sphere)
			left := rapid.Permutation(r.Missing(nil)).Draw(rt, "order")
			asks := rapid.Bool().Draw(rt, "asks")
			for len(left) > 0 {
				left = slices.DeleteFunc(left, func(rec *kith.Record) bool {
					_, err := c.Add(rec)
					if err != nil && !isParents(err) {
						rt.Fatalf("%s: %v", w.names[rec.ID], err)
					}
					if asks && err == nil {
						c.State()
					}
					return err == nil
				})
			}
			if got := see(c); !reflect.DeepEqual(got, want) {
				rt.Fatalf("got\n%+v\nwant\n%+v", got, want)
			}
		}
	})
}

// TestRandomSpheresKeepTheRules holds what is true of every State.
func TestRandomSpheresKeepTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := randomSphere(rt, t)
		s := r.State()
		creators := 0
		for who, m := range s.Members {
			if m.Rank.Role == convo.Creator {
				creators++
			}
			if _, both := s.Former[who]; both || m.Account != who {
				rt.Errorf("%d is in and out", who[0])
			}
		}
		if len(s.Members) > 0 && (creators != 1 || s.Members[s.Creator].Rank.Role != convo.Creator) {
			rt.Errorf("%d creators, and %d is named", creators, s.Creator[0])
		}
		for _, rec := range r.Missing(nil) {
			if !s.Effective(rec.ID) {
				continue
			}
			own := w.roster(pastRecords(r, rec)...).State()
			by, ok := own.Members[rec.Author.Account]
			switch rec.Change.(type) {
			case kith.Removal, kith.Demotion, kith.Muting:
				if who, in := own.Members[rec.Change.Subject()]; !ok || in && by.Rank.Compare(who.Rank) >= 0 {
					rt.Errorf("%s: not by a senior", w.names[rec.ID])
				}
			}
		}
		for who := range s.Former {
			told := r.UpTo(who)
			for _, rec := range told {
				if rec.Change.Subject() == who {
					continue // what was done to them they may know
				}
				if knowsOut(w, r, rec, who) && !slices.ContainsFunc(r.Missing(nil), func(a *kith.Record) bool { return bringsBack(r, a, rec, who) }) {
					rt.Errorf("%d is told %s", who[0], w.names[rec.ID])
				}
			}
		}
	})
}

// pastRecords gives what came before a record, without the creation.
func pastRecords(r *convo.Roster, rec *kith.Record) []*kith.Record {
	before := map[kith.RecordID]bool{}
	var walk func(*kith.Record)
	walk = func(rec *kith.Record) {
		for _, p := range rec.Parents {
			if !before[p] {
				before[p] = true
				walk(r.Record(p))
			}
		}
	}
	walk(rec)
	return slices.DeleteFunc(r.Missing(nil), func(rec *kith.Record) bool { return !before[rec.ID] || len(rec.Parents) == 0 })
}

// knowsOut tells whether a record's author knew of an effective removal or
// departure of somebody, and that they were out.
func knowsOut(w *world, r *convo.Roster, rec *kith.Record, who kith.AccountID) bool {
	known := pastRecords(r, rec)
	knew := slices.ContainsFunc(known, func(q *kith.Record) bool {
		_, departure := q.Change.(kith.Departure)
		_, removal := q.Change.(kith.Removal)
		out := departure && q.Author.Account == who || removal && q.Change.Subject() == who
		return out && r.State().Effective(q.ID)
	})
	if !knew {
		return false
	}
	_, out := w.roster(known...).State().Former[who]
	return out
}

// bringsBack tells whether a is an effective addition of somebody that rec is,
// or did not know of.
func bringsBack(r *convo.Roster, a, rec *kith.Record, who kith.AccountID) bool {
	_, addition := a.Change.(kith.Addition)
	return addition && a.Change.Subject() == who && r.State().Effective(a.ID) && !slices.Contains(pastRecords(r, rec), a)
}

// TestAJuniorDoesNotSurviveItsRemoval: whatever an admin does who was removed
// by a senior, alone and with those whom it brings in, beside the removal.
func TestAJuniorDoesNotSurviveItsRemoval(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := family(t)
		theirs := w.fork(r)
		w.write(r, adam, kith.Removal{Account: bert})
		puppets := []kith.AccountID{bert, account(6), account(7)}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			by := rapid.SampledFrom(puppets).Draw(rt, "by")
			rec := w.draft(theirs, by, nop{})
			rec.Change = randomChange(rt, rec.Sent)
			if rapid.IntRange(0, 3).Draw(rt, "backdated") == 0 {
				known := theirs.Missing(nil)
				old := known[rapid.IntRange(0, len(known)-1).Draw(rt, "upon")]
				rec.Parents, rec.Order = []kith.RecordID{old.ID}, old.Order+1
			}
			w.sign(by, rec)
			theirs.Add(rec)
		}
		before := see(r)
		w.merge(r, theirs)
		after := see(r)
		if in(r, bert) != "removed" && in(r, bert) != "left" {
			rt.Errorf("bert is %q", in(r, bert))
		}
		if !reflect.DeepEqual(before.Members, after.Members) || !reflect.DeepEqual(before.Profile, after.Profile) || before.Creator != after.Creator {
			rt.Errorf("the removed admin changed the sphere: %+v", after)
		}
	})
}
