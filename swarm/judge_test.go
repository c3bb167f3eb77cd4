package swarm

import (
	"path/filepath"
	"testing"
)

// TestAMemberThatLies fetches from one that sends rubbish and an honest one.
func TestAMemberThatLies(t *testing.T) {
	ann, mal, ben := newPerson(), newPerson(), newPerson()
	a, m := open(t, ann, func(c *Config) { c.Up = 2 << 20 }), open(t, mal)
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 8<<20, 1)
	sealed, err := Seal(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Share(sealed); err != nil {
		t.Fatal(err)
	}
	fake := *sealed
	other := filepath.Join(t.TempDir(), "other.mkv")
	noise(t, other, 8<<20, 2)
	wrong, err := Seal(t.Context(), other, nil)
	if err != nil {
		t.Fatal(err)
	}
	fake.path, fake.originals = other, wrong.originals
	if err := m.Share(&fake); err != nil {
		t.Fatal(err)
	}
	b := open(t, ben)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, sealed.Ref, dest)
	connect(t, b, sealed.Ref, mal, m)
	connect(t, b, sealed.Ref, ann, a)
	st := awaitState(t, b, sealed.Ref, Seeding)
	same(t, dest, want)
	if st.Bad == 0 {
		t.Error("no bad piece was counted")
	}
	banned := b.Banned()
	if len(banned) != 1 || banned[0] != mal.peer().Device {
		t.Errorf("banned %v, want the liar alone", banned)
	}
}
