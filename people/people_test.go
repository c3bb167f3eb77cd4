package people_test

import (
	"strings"
	"testing"
	"time"

	"kith"
	"kith/people"
	"kith/wire"
)

var (
	noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	ann  = kith.AccountID{1}
	bob  = kith.AccountID{2}
)

func contact(account kith.AccountID, name, petname string) kith.Contact {
	return kith.Contact{Account: account, Relation: kith.Accepted, Petname: petname, Card: kith.Card{Account: account, Name: name}}
}

func TestAnswer(t *testing.T) {
	open := kith.Invitation{Expires: noon.Add(time.Hour)}
	with := func(edit func(*kith.Invitation)) kith.Invitation {
		inv := open
		edit(&inv)
		return inv
	}
	known := func(r kith.Relation) *kith.Contact { return &kith.Contact{Account: ann, Relation: r} }
	tests := []struct {
		name   string
		inv    kith.Invitation
		known  *kith.Contact
		status wire.JoinStatus
		as     kith.Relation // empty: refused
		used   kith.AccountID
	}{
		{"single use makes a contact", open, nil, wire.JoinAccepted, kith.Accepted, ann},
		{"reusable has to be accepted", with(func(i *kith.Invitation) { i.Reusable = true }), nil, wire.JoinWaiting, kith.Asking, kith.AccountID{}},
		{"used by somebody else", with(func(i *kith.Invitation) { i.UsedBy = bob }), nil, wire.JoinUsed, "", bob},
		{"expired", with(func(i *kith.Invitation) { i.Expires = noon }), nil, wire.JoinExpired, "", kith.AccountID{}},
		{"revoked", with(func(i *kith.Invitation) { i.Revoked = true }), nil, wire.JoinRevoked, "", kith.AccountID{}},
		{"asked again by a contact, long after", with(func(i *kith.Invitation) { i.UsedBy = ann; i.Expires = noon.Add(-time.Hour) }), known(kith.Accepted), wire.JoinAccepted, kith.Accepted, ann},
		{"asked again while waiting", with(func(i *kith.Invitation) { i.Reusable = true }), known(kith.Asking), wire.JoinWaiting, kith.Asking, kith.AccountID{}},
		{"each used the other's", with(func(i *kith.Invitation) { i.Reusable = true }), known(kith.Asked), wire.JoinAccepted, kith.Accepted, kith.AccountID{}},
		{"removed, and the old invitation again", with(func(i *kith.Invitation) { i.UsedBy = ann }), known(kith.Removed), wire.JoinUsed, "", ann},
		{"removed, and a new invitation", open, known(kith.Removed), wire.JoinAccepted, kith.Accepted, ann},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv, c, status := people.Answer(tt.inv, tt.known, ann, noon)
			var as kith.Relation
			if c != nil {
				as = c.Relation
			}
			if status != tt.status || as != tt.as || inv.UsedBy != tt.used {
				t.Errorf("status %d, relation %q, used by %v; want %d, %q, %v", status, as, inv.UsedBy.Short(), tt.status, tt.as, tt.used.Short())
			}
			if again := people.Refusal(status); (as == "") != (kith.KindOf(again) == kith.Conflict) {
				t.Errorf("refusal %v for relation %q", again, as)
			}
		})
	}
}

func TestFind(t *testing.T) {
	removed := contact(kith.AccountID{9}, "Zoe", "")
	removed.Relation = kith.Removed
	contacts := []kith.Contact{
		contact(ann, "Ann", ""), contact(bob, "Robert", "Bob"),
		contact(kith.AccountID{3}, "Eve", ""), contact(kith.AccountID{4}, "eve", ""), removed,
	}
	tests := []struct {
		ref  string
		want kith.AccountID
		kind kith.ErrorKind
	}{
		{"Ann", ann, 0},
		{" ann ", ann, 0},
		{"bob", bob, 0},
		{"robert", bob, 0},
		{bob.String(), bob, 0},
		{strings.ToUpper(bob.String()), bob, 0},
		{bob.String()[:6], bob, 0},
		{bob.String()[:5], kith.AccountID{}, kith.NotFound},
		{"Eve", kith.AccountID{3}, 0},
		{"EVE", kith.AccountID{}, kith.Conflict},
		{"Zoe", kith.AccountID{}, kith.NotFound},
		{"nobody", kith.AccountID{}, kith.NotFound},
		{"", kith.AccountID{}, kith.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.ref, func(t *testing.T) {
			c, err := people.Find(contacts, tt.ref)
			if kith.KindOf(err) != tt.kind || c.Account != tt.want {
				t.Errorf("found %v, %v", c.Account.Short(), err)
			}
		})
	}
}

func TestTakeCard(t *testing.T) {
	old, fresh := kith.DeviceID{1}, kith.DeviceID{2}
	c := contact(ann, "Ann", "")
	c.Card = kith.Card{Account: ann, Version: 5, Name: "Ann", Devices: []kith.DeviceID{old}}
	if people.TakeCard(&c, kith.Card{Account: ann, Version: 5, Name: "Mallory"}, nil) {
		t.Error("a card that is not newer counted")
	}
	if people.TakeCard(&c, kith.Card{Account: bob, Version: 6}, nil) {
		t.Error("the card of another account counted")
	}
	if !people.TakeCard(&c, kith.Card{Account: ann, Version: 6, Name: "Anna", Devices: []kith.DeviceID{old}}, nil) || c.Warning != "" {
		t.Errorf("a new name: %+v", c)
	}
	if !people.TakeCard(&c, kith.Card{Account: ann, Version: 7, Name: "Anna", Devices: []kith.DeviceID{fresh}}, nil) || c.Warning == "" {
		t.Error("a new device key came without a warning")
	}
}

func TestNameWarning(t *testing.T) {
	contacts := []kith.Contact{contact(ann, "Ann", ""), contact(bob, "Robert", "Bob")}
	for name, warns := range map[string]bool{"Ann": true, "ANN": true, "A\u202enn": true, "bob": true, "Carol": false, "": false} {
		warning := people.NameWarning(contacts, kith.Card{Account: kith.AccountID{7}, Name: name})
		if (warning != "") != warns {
			t.Errorf("%q: %q", name, warning)
		}
	}
	if warning := people.NameWarning(contacts, kith.Card{Account: ann, Name: "Ann"}); warning != "" {
		t.Errorf("their own name: %q", warning)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{"  Ann ": "Ann", "": "", "👩\u200d💻 Zoë": "👩\u200d💻 Zoë"} {
		if got, err := people.CleanName(name); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"a\nb", "a\x1b[31m", "evil\u202etxt", "\xff", strings.Repeat("x", kith.MaxName+1), "zero\u200bwidth"} {
		if _, err := people.CleanName(name); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	hostile := contact(ann, "\u202e\x1b[2J\u200b", "")
	if got := people.DisplayName(&hostile); got != "[2J" {
		t.Errorf("a hostile name is shown as %q", got)
	}
	empty := contact(ann, "\u200b \u202e", "")
	if got := people.DisplayName(&empty); got != ann.Short() {
		t.Errorf("an invisible name is shown as %q", got)
	}
}

func TestBlocks(t *testing.T) {
	timed, err := people.NewBlock(ann, noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	forGood, err := people.NewBlock(bob, noon, 0)
	if err != nil {
		t.Fatal(err)
	}
	blocks := []kith.Block{timed, forGood}
	for _, d := range []time.Duration{time.Minute, 25 * time.Hour, -time.Hour} {
		if _, err := people.NewBlock(ann, noon, d); kith.KindOf(err) != kith.Invalid {
			t.Errorf("a block of %v: %v", d, err)
		}
	}
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, tt := range []struct {
		account kith.AccountID
		at      time.Time
		active  bool
		hidden  bool // what was written then
	}{
		{ann, at(-time.Second), true, false},
		{ann, at(0), true, true},
		{ann, at(time.Hour - 1), true, true},
		{ann, at(time.Hour), false, false},
		{bob, at(1000 * time.Hour), true, true},
		{kith.AccountID{3}, at(time.Minute), false, false},
	} {
		if _, active := people.ActiveBlock(blocks, tt.account, tt.at); active != tt.active {
			t.Errorf("%s at %v: active %v", tt.account.Short(), tt.at, active)
		}
		if hidden := people.Hidden(blocks, tt.account, tt.at); hidden != tt.hidden {
			t.Errorf("%s wrote at %v: hidden %v", tt.account.Short(), tt.at, hidden)
		}
	}
	timed.Lifted = at(time.Minute)
	if people.Hidden([]kith.Block{timed}, ann, at(time.Second)) {
		t.Error("what was written during a lifted block is hidden")
	}
}
