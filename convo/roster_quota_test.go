package convo_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kith"
	"kith/convo"
)

// give hands records on as a peer would. What is too many is left out.
func (w *world) give(r *convo.Roster, records ...*kith.Record) {
	w.t.Helper()
	for _, rec := range records {
		if _, err := r.Add(rec); err != nil && !errors.Is(err, convo.ErrTooMany) {
			w.t.Fatalf("%s: %v", w.names[rec.ID], err)
		}
	}
}

// exchange gives each of two rosters what the other has.
func (w *world) exchange(a, b *convo.Roster) {
	w.t.Helper()
	w.give(a, b.Missing(a.Heads())...)
	w.give(b, a.Missing(b.Heads())...)
}

// ruled is what of two rosters has to be equal once a flood was ended, though
// they hold other parts of it.
func ruled(r *convo.Roster) string {
	v := see(r)
	return fmt.Sprint(v.Profile, v.Creator, v.Members, v.Former)
}

func named(name string) kith.Change {
	return kith.Description{Profile: kith.Profile{Name: name}}
}

// An admin writes one record after the other: all rosters refuse the same one,
// and everybody else goes on.
func TestFloodOneAfterTheOther(t *testing.T) {
	w, r := family(t)
	copied := w.fork(r)
	for i := range convo.MaxRecordsEach {
		w.write(r, adam, named(fmt.Sprint(i)))
	}
	more := w.draft(r, adam, named("too many"))
	w.exchange(copied, r)
	for _, one := range []*convo.Roster{r, copied} {
		if added, err := one.Add(more); added || kith.KindOf(err) != kith.BadPeer {
			t.Errorf("one record more: %v, %v", added, err)
		}
	}
	w.write(copied, cleo, named("cleo"))
	w.write(copied, bert, named("bert"))
	w.write(copied, cleo, kith.Removal{Account: adam})
	w.exchange(r, copied)
	if !reflect.DeepEqual(see(r), see(copied)) {
		t.Error("the copies differ")
	}
	wantIn(t, r, adam, "removed")
}

// An admin who was removed makes up members and has them write beside each
// other, more than fits: each roster takes a part, others still write, and all
// agree on everything that counts.
func TestFloodBesideEachOther(t *testing.T) {
	const quota = 200
	w, r := family(t)
	r.SetQuota(quota)
	removal := w.draft(r, cleo, kith.Removal{Account: bert})
	var flood []*kith.Record
	puppets := w.fork(r)
	flood = append(flood, w.write(puppets, bert, kith.Addition{Account: account(6)}))
	flood = append(flood, w.write(puppets, bert, kith.Promotion{Account: account(6)}))
	for i := range 2 * quota {
		by := []kith.AccountID{bert, account(6)}[i%2]
		flood = append(flood, w.draft(puppets, by, named(fmt.Sprint(i))))
	}
	late := w.fork(r)
	late.SetQuota(quota)
	backwards := slices.Clone(flood)
	slices.Reverse(backwards[2:])
	w.give(r, flood...)
	w.give(late, backwards...)
	for name, one := range map[string]*convo.Roster{"first": r, "late": late} {
		if n := one.Len(); n > 10+quota {
			t.Errorf("%s took %d records", name, n)
		}
	}
	if reflect.DeepEqual(r.Heads(), late.Heads()) {
		t.Error("both took the same part: the test shows nothing")
	}
	w.write(r, adam, kith.Addition{Account: account(7)}) // follows what late does not have
	w.give(late, removal)
	w.write(late, cleo, kith.Muting{Account: dora})
	for range 2 {
		w.exchange(r, late)
	}
	if a, b := ruled(r), ruled(late); a != b {
		t.Errorf("the rosters differ:\n%s\n%s", a, b)
	}
	wantIn(t, late, bert, "removed")
	wantIn(t, late, account(6), "")
	wantIn(t, late, account(7), "member")
	if again := w.fork(late); ruled(again) != ruled(late) {
		t.Error("what is stored gives another state")
	}
}

// Whatever a junior and who follows it do beside a removal, in whatever order
// two rosters hear of it and however little of it they take: both end equal.
func TestFloodsEndEqual(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := family(t)
		quota := rapid.IntRange(1, 6).Draw(rt, "quota")
		removal := w.draft(r, cleo, kith.Removal{Account: bert})
		first, second := w.fork(r), w.fork(r)
		everything := w.fork(r)
		var flood []*kith.Record
		for range rapid.IntRange(1, 30).Draw(rt, "flood") {
			by := rapid.SampledFrom([]kith.AccountID{bert, account(6), account(7)}).Draw(rt, "by")
			rec := w.draft(everything, by, nop{})
			if known := everything.Missing(nil); rapid.Bool().Draw(rt, "beside") {
				upon := known[rapid.IntRange(max(0, len(known)-4), len(known)-1).Draw(rt, "upon")]
				rec.Parents, rec.Order = []kith.RecordID{upon.ID}, upon.Order+1
			}
			rec.Change = randomChange(rt, rec.Sent)
			w.sign(by, rec)
			if _, err := everything.Add(rec); err == nil {
				flood = append(flood, rec)
			}
		}
		for _, one := range []*convo.Roster{first, second} {
			one.SetQuota(quota + 8) // what bert wrote before counts too
			for _, rec := range rapid.Permutation(flood).Draw(rt, "order") {
				one.Add(rec)
			}
		}
		w.give(second, removal)
		if in(first, cleo) == "creator" {
			w.write(first, cleo, named("cleo"))
		}
		for range 2 {
			w.exchange(first, second)
		}
		if a, b := ruled(first), ruled(second); a != b {
			rt.Errorf("the rosters differ:\n%s\n%s", a, b)
		}
	})
}
