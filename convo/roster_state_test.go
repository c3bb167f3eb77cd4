package convo_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/convo"
)

func TestWhatCounts(t *testing.T) {
	w, r := family(t)
	d := kith.Peer{Account: dora, Device: deviceOf(dora)}
	other := kith.Peer{Account: dora, Device: kith.DeviceID{77}}
	accepts := func(seq uint64) kith.Cut { return kith.Cut{d.Device: seq} }
	check := func(what string, who kith.Peer, seq uint64, sent time.Time, want bool) {
		t.Helper()
		if got := r.State().Counts(who, seq, sent); got != want {
			t.Errorf("%s: event %d counts: %v", what, seq, got)
		}
	}
	check("a stranger", kith.Peer{Account: account(9), Device: deviceOf(account(9))}, 1, start, false)
	check("a member", d, 100, start, true)

	w.write(r, adam, kith.Muting{Account: dora, Until: w.now.Add(time.Second + 3*time.Hour), Accepts: accepts(5)})
	muted := w.now
	check("muted, accepted", d, 5, muted, true)
	check("muted, during", d, 6, muted.Add(time.Hour), false)
	check("muted, after", d, 6, muted.Add(3*time.Hour), true)
	check("muted, another device", other, 1, muted, false)

	w.now = muted.Add(time.Hour)
	w.write(r, cleo, kith.Muting{Account: dora})
	lifted := w.now
	check("lifted, before", d, 6, lifted.Add(-time.Minute), false)
	check("lifted, after", d, 6, lifted, true)
	if until := r.State().Members[dora].MutedUntil; !until.IsZero() {
		t.Errorf("muted until %v", until)
	}

	beside := w.fork(r)
	w.write(r, adam, kith.Removal{Account: dora, Accepts: kith.Cut{d.Device: 9, other.Device: 4}})
	check("removed, accepted", d, 9, lifted, true)
	check("removed, beyond", d, 10, lifted, false)
	check("removed, muted before", d, 6, muted, false)
	w.write(beside, bert, kith.Removal{Account: dora, Accepts: accepts(7)})
	w.merge(r, beside)
	check("removed twice, accepted by both", d, 7, lifted, true)
	check("removed twice, accepted by one", d, 8, lifted, false)
	check("removed twice, a device that one does not accept", other, 1, lifted, false)

	w.write(r, adam, kith.Addition{Account: dora, Since: accepts(3)})
	check("back", d, 10, lifted, true)
	if got := r.State().Since(dora); !reflect.DeepEqual(got, accepts(3)) {
		t.Errorf("since %v", got)
	}
}

func TestHistoryBeforeOneWasAdded(t *testing.T) {
	w, r := family(t)
	who := account(6)
	beside := w.fork(r)
	a, b, c := deviceOf(adam), deviceOf(bert), deviceOf(cleo)
	w.write(r, adam, kith.Addition{Account: who, Since: kith.Cut{a: 5, b: 9}})
	w.write(beside, bert, kith.Addition{Account: who, Since: kith.Cut{a: 7, b: 2, c: 1}})
	w.merge(r, beside)
	if got, want := r.State().Since(who), (kith.Cut{a: 5, b: 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("added twice at once: since %v, want %v", got, want)
	}
}

// TestTheRemovedHearNoMore: what UpTo gives ends with the removal.
func TestTheRemovedHearNoMore(t *testing.T) {
	w, r := family(t)
	beside := w.fork(r)
	known := r.Len()
	out := w.write(r, adam, kith.Removal{Account: dora})
	w.write(r, adam, kith.Addition{Account: account(6)})
	aside := w.write(beside, cleo, kith.Addition{Account: account(7)})
	w.merge(r, beside)
	got := r.UpTo(dora)
	if len(got) != known+1 || !slices.Contains(got, out) || slices.Contains(got, aside) {
		t.Errorf("the removed is told %d records of %d", len(got), r.Len())
	}
	theirs := convo.NewRoster(w.creation.Sphere)
	w.add(theirs, got...)
	wantIn(t, theirs, dora, "removed")
	if n := len(r.UpTo(emil)); n != r.Len() {
		t.Errorf("a member is told %d records of %d", n, r.Len())
	}
	if n := len(r.UpTo(account(9))); n != 0 {
		t.Errorf("a stranger is told %d records", n)
	}
	w.write(r, emil, kith.Departure{})
	left := len(r.UpTo(emil))
	w.write(r, cleo, kith.Description{Profile: kith.Profile{Name: "without them"}})
	w.write(r, cleo, kith.Removal{Account: emil}) // for good
	if n := len(r.UpTo(emil)); n != left {
		t.Errorf("who left is told %d records more once they are barred", n-left)
	}
	wantIn(t, r, emil, "removed")
}

func TestListing(t *testing.T) {
	w, r := family(t)
	w.write(r, adam, kith.Promotion{Account: emil}) // below adam, above bert
	var got []kith.AccountID
	for _, m := range r.State().Listing() {
		got = append(got, m.Account)
	}
	if want := []kith.AccountID{cleo, adam, emil, bert, dora}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.write(r, cleo, kith.Handover{Account: dora})
	if first, second := r.State().Listing()[0], r.State().Listing()[1]; first.Account != dora || second.Account != cleo {
		t.Errorf("after the handover: %v, %v", first, second)
	}
}

func TestWhatPeopleMay(t *testing.T) {
	w, r := family(t)
	now := w.now
	w.write(r, cleo, kith.Muting{Account: emil, Until: w.now.Add(90*time.Minute + time.Second)})
	s := r.State()
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"creator invites":        {s.MayInvite(cleo), ""},
		"admin invites":          {s.MayInvite(bert), ""},
		"member invites":         {s.MayInvite(dora), "only the creator"},
		"stranger invites":       {s.MayInvite(account(9)), "only members"},
		"adds a member":          {s.MayAdd(adam, dora), "already"},
		"removes a member":       {s.MayRemove(bert, dora), ""},
		"removes a junior":       {s.MayRemove(adam, bert), ""},
		"removes a senior":       {s.MayRemove(bert, adam), "not below you"},
		"removes the creator":    {s.MayRemove(adam, cleo), "not below you"},
		"removes a stranger":     {s.MayRemove(adam, account(9)), "not in the sphere"},
		"promotes":               {s.MayPromote(bert, dora), ""},
		"promotes an admin":      {s.MayPromote(cleo, bert), "already"},
		"demotes":                {s.MayDemote(cleo, bert), ""},
		"demotes a member":       {s.MayDemote(cleo, dora), "not an admin"},
		"hands over":             {s.MayHandOver(cleo, dora), ""},
		"admin hands over":       {s.MayHandOver(adam, dora), "only the creator"},
		"mutes":                  {s.MayMute(bert, dora, now.Add(time.Hour), now), ""},
		"mutes for a day":        {s.MayMute(bert, dora, now.Add(24*time.Hour), now), ""},
		"mutes for longer":       {s.MayMute(bert, dora, now.Add(25*time.Hour), now), "1 to 24 hours"},
		"mutes for shorter":      {s.MayMute(bert, dora, now.Add(time.Minute), now), "1 to 24 hours"},
		"lifts":                  {s.MayMute(bert, emil, time.Time{}, now), ""},
		"mutes itself":           {s.MayMute(bert, bert, now.Add(time.Hour), now), "oneself"},
		"describes":              {s.MayDescribe(adam), ""},
		"member describes":       {s.MayDescribe(dora), "only the creator"},
		"writes":                 {s.MayWrite(dora, now), ""},
		"muted writes":           {s.MayWrite(emil, w.now), "another 1 h 30 min"},
		"writes when it is over": {s.MayWrite(emil, w.now.Add(2*time.Hour)), ""},
		"stranger writes":        {s.MayWrite(account(9), now), "not in this sphere"},
		"leaves":                 {s.MayLeave(adam), ""},
		"creator leaves":         {s.MayLeave(cleo), "hand it over"},
		"alone":                  {newWorld(t, kith.Profile{}).roster().State().MayLeave(cleo), ""},
	} {
		if c.says == "" && c.err != nil || c.says != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, c.err, c.says)
		}
		if c.err != nil && !slices.Contains([]kith.ErrorKind{kith.Forbidden, kith.Conflict, kith.Invalid, kith.NotFound}, kith.KindOf(c.err)) {
			t.Errorf("%s: %q is of kind %s", name, c.err, kith.KindOf(c.err))
		}
	}
}

// TestPublicSpheres: every member brings others in, but only admins bring
// somebody back whom an admin put out.
func TestPublicSpheres(t *testing.T) {
	w := newWorld(t, kith.Profile{Name: "all", Public: true})
	r := w.roster()
	w.write(r, cleo, kith.Addition{Account: dora})
	w.write(r, dora, kith.Addition{Account: emil})
	w.write(r, cleo, kith.Removal{Account: emil})
	if err := r.State().MayAdd(dora, emil); kith.KindOf(err) != kith.Forbidden {
		t.Errorf("a member brings back who was removed: %v", err)
	}
	if _, err := r.Add(w.draft(r, dora, kith.Addition{Account: emil})); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a member's record brings them back: %v", err)
	}
	w.write(r, cleo, kith.Addition{Account: emil})
	w.write(r, emil, kith.Departure{})
	w.write(r, dora, kith.Addition{Account: emil})
	wantIn(t, r, emil, "member")
}

func TestAFullSphere(t *testing.T) {
	w := newWorld(t, kith.Profile{Name: "full", Public: true})
	r := w.roster()
	for n := 2; n <= kith.MaxMembers; n++ {
		w.write(r, cleo, kith.Addition{Account: account(n)})
	}
	if err := r.State().MayAdd(cleo, account(5000)); kith.KindOf(err) != kith.Conflict {
		t.Error(err)
	}
	w.write(r, cleo, kith.Removal{Account: dora})
	beside := w.fork(r)
	w.write(r, cleo, kith.Addition{Account: account(5000)})
	w.write(beside, cleo, kith.Addition{Account: account(5001)})
	w.merge(r, beside)
	if n := len(r.State().Members); n != kith.MaxMembers || !reflect.DeepEqual(see(r), see(beside)) {
		t.Errorf("%d members", n)
	}
}

func BenchmarkLinearRoster(b *testing.B) {
	w := newWorld(b, kith.Profile{Name: "a", Public: true})
	r := w.roster()
	for n := range 1999 {
		if n%2 == 0 && n < 1800 {
			w.write(r, cleo, kith.Addition{Account: account(n/2 + 2)})
		} else {
			w.write(r, cleo, kith.Description{Profile: kith.Profile{Name: fmt.Sprint(n)}})
		}
	}
	for _, asks := range []bool{false, true} {
		b.Run(fmt.Sprintf("2000 records, State after each %v", asks), func(b *testing.B) {
			for b.Loop() {
				c := convo.NewRoster(w.creation.Sphere)
				for _, rec := range r.Missing(nil) {
					c.Add(rec)
					if asks {
						c.State()
					}
				}
			}
		})
	}
}

// BenchmarkConcurrentRoster evaluates 500 records of ten admins who act side by
// side and hear of each other every now and then.
func BenchmarkConcurrentRoster(b *testing.B) {
	w := newWorld(b, kith.Profile{Name: "a"})
	r := w.roster()
	var copies []*convo.Roster
	for n := range 10 {
		w.write(r, cleo, kith.Addition{Account: account(n + 2)})
		w.write(r, cleo, kith.Promotion{Account: account(n + 2)})
	}
	for range 10 {
		copies = append(copies, w.fork(r))
	}
	for n := 0; n < 480; n++ {
		c := copies[n%10]
		by, who := account(n%10+2), account(100+n%40)
		var change kith.Change = kith.Addition{Account: who}
		if c.State().MayRemove(by, who) == nil {
			change = kith.Removal{Account: who}
		}
		w.write(c, by, change)
		if n%23 == 0 {
			w.merge(c, copies[(n/23)%10])
		}
	}
	for _, c := range copies {
		w.add(r, c.Missing(r.Heads())...)
	}
	all := r.Missing(nil)
	b.ReportMetric(float64(len(all)), "records")
	for b.Loop() {
		c := convo.NewRoster(w.creation.Sphere)
		for _, rec := range all {
			c.Add(rec)
			c.State()
		}
	}
}
