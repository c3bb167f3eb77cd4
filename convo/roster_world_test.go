package convo_test

import (
	"fmt"
	"testing"
	"time"

	"kith"
	"kith/convo"
)

// The people of the tests. Each has one device, and some a second one.
var (
	cleo = account(1) // creates the sphere
	adam = account(2)
	bert = account(3)
	dora = account(4)
	emil = account(5)
)

func account(n int) kith.AccountID { return kith.AccountID{byte(n), byte(n >> 8), 0xac} }

func deviceOf(a kith.AccountID) kith.DeviceID { return kith.DeviceID{a[0], a[1], 0xde} }

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world makes records of one sphere, each with a clock that goes on.
type world struct {
	t        testing.TB
	creation *kith.Record
	now      time.Time
	made     int
	names    map[kith.RecordID]string
}

func newWorld(t testing.TB, profile kith.Profile) *world {
	w := &world{t: t, now: start, names: map[kith.RecordID]string{}}
	w.creation = w.sign(cleo, &kith.Record{Order: uint64(start.UnixMilli()), Sent: start, Change: kith.Creation{Profile: profile}})
	w.creation.Sphere = kith.ConversationID(w.creation.ID)
	return w
}

func (w *world) sign(by kith.AccountID, rec *kith.Record) *kith.Record {
	w.made++
	rec.Author = kith.Peer{Account: by, Device: deviceOf(by)}
	rec.Raw = fmt.Appendf(nil, "%d %v %d %T %v", w.made, rec.Parents, rec.Order, rec.Change, rec.Change)
	rec.ID = kith.NewRecordID(rec.Author, rec.Raw)
	w.names[rec.ID] = fmt.Sprintf("#%d %d: %T %d", w.made, by[0], rec.Change, rec.Change.Subject()[0])
	return rec
}

// roster makes a roster with the creation and more records.
func (w *world) roster(records ...*kith.Record) *convo.Roster {
	w.t.Helper()
	r := convo.NewRoster(w.creation.Sphere)
	w.add(r, w.creation)
	w.add(r, records...)
	return r
}

func (w *world) add(r *convo.Roster, records ...*kith.Record) {
	w.t.Helper()
	for _, rec := range records {
		if _, err := r.Add(rec); err != nil {
			w.t.Fatalf("%s: %v", w.names[rec.ID], err)
		}
	}
}

// draft makes a record upon all that r has, and does not add it.
func (w *world) draft(r *convo.Roster, by kith.AccountID, change kith.Change) *kith.Record {
	w.now = w.now.Add(time.Second)
	parents, order := r.Next(w.now)
	return w.sign(by, &kith.Record{Sphere: w.creation.Sphere, Parents: parents, Order: order, Sent: w.now, Change: change})
}

// write makes a record and adds it.
func (w *world) write(r *convo.Roster, by kith.AccountID, change kith.Change) *kith.Record {
	w.t.Helper()
	rec := w.draft(r, by, change)
	w.add(r, rec)
	return rec
}

// fork copies a roster.
func (w *world) fork(r *convo.Roster) *convo.Roster {
	w.t.Helper()
	c := convo.NewRoster(w.creation.Sphere)
	w.add(c, r.Missing(nil)...)
	return c
}

// merge brings both rosters together.
func (w *world) merge(a, b *convo.Roster) {
	w.t.Helper()
	w.add(a, b.Missing(a.Heads())...)
	w.add(b, a.Missing(b.Heads())...)
}

// family is a sphere of cleo, the admins adam and then bert, and the members
// dora and emil.
func family(t testing.TB) (*world, *convo.Roster) {
	w := newWorld(t, kith.Profile{Name: "Family"})
	r := w.roster()
	for _, who := range []kith.AccountID{adam, bert, dora, emil} {
		w.write(r, cleo, kith.Addition{Account: who, Card: who[:]})
	}
	w.write(r, cleo, kith.Promotion{Account: adam})
	w.write(r, cleo, kith.Promotion{Account: bert})
	return w, r
}

// A view is what two equal States have in common.
type view struct {
	Profile   kith.Profile
	Creator   kith.AccountID
	Members   []seenMember
	Former    map[kith.AccountID]seenFormer
	Effective map[kith.RecordID]bool
	Counts    map[string]bool
}

type seenMember struct {
	Account    kith.AccountID
	Rank       string
	Card       string
	Since      string
	Added      time.Time
	MutedUntil time.Time
}

type seenFormer struct {
	Left    bool
	By      kith.AccountID
	When    time.Time
	Accepts string
}

func see(r *convo.Roster) view {
	s := r.State()
	v := view{Profile: s.Profile, Creator: s.Creator, Former: map[kith.AccountID]seenFormer{}, Effective: map[kith.RecordID]bool{}, Counts: map[string]bool{}}
	for _, m := range s.Listing() {
		v.Members = append(v.Members, seenMember{m.Account, fmt.Sprint(m.Rank), string(m.Card), fmt.Sprint(m.Since), m.Added, m.MutedUntil})
	}
	for who, f := range s.Former {
		v.Former[who] = seenFormer{f.Left, f.By, f.When, fmt.Sprint(f.Accepts)}
	}
	for _, rec := range r.Missing(nil) {
		v.Effective[rec.ID] = s.Effective(rec.ID)
	}
	for n := range 8 {
		who := account(n)
		for _, seq := range []uint64{1, 3, 6} {
			for _, after := range []time.Duration{0, time.Minute, 90 * time.Minute} {
				v.Counts[fmt.Sprint(n, seq, after)] = s.Counts(kith.Peer{Account: who, Device: deviceOf(who)}, seq, start.Add(after))
			}
		}
	}
	return v
}

// in tells what somebody is: "creator", "admin", "member", "left", "removed" or
// nothing.
func in(r *convo.Roster, who kith.AccountID) string {
	s := r.State()
	if m, ok := s.Members[who]; ok {
		return string(m.Rank.Role)
	}
	if f, ok := s.Former[who]; ok && f.Left {
		return "left"
	} else if ok {
		return "removed"
	}
	return ""
}

func wantIn(t testing.TB, r *convo.Roster, who kith.AccountID, want string) {
	t.Helper()
	if got := in(r, who); got != want {
		t.Errorf("%d is %q, want %q", who[0], got, want)
	}
}
