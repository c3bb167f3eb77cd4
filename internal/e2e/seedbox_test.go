//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

// keptPart waits until the only hub has a part of what somebody shared, or more,
// and gives how it stands there.
func (p *person) keptPart(t *testing.T, id kith.EventID, least int64) (kept node.Kept) {
	t.Helper()
	lab.Eventually(t, 2*soon, func() error {
		m, err := p.api.Message(t.Context(), id.String())
		if err != nil {
			return err
		}
		if len(m.File.Kept) != 1 || m.File.Kept[0].Have < least {
			return fmt.Errorf("%s's file is kept as %+v, want %d bytes", p.name, m.File.Kept, least)
		}
		kept = m.File.Kept[0]
		return nil
	})
	return kept
}

// Ann shares a film while Bob is away. Her hub takes it, over a line on which that
// takes some seconds, and she is killed twice in the middle. Then she goes. Bob
// comes and gets the film from the hub, where nothing of it can be read.
func TestFileFromASeedbox(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan", lab.Line{Rate: 6e6})
	hub := runsHub(t, net.Host("hub", lan), "[seedbox]\non = false", "[seedbox]\non = true")
	conf := lab.Kith{Env: []string{hub.roots()}, Binary: lab.Plain(t)}
	ann, bob := lives(t, net.Host("ann", lan), "Ann", conf), lives(t, net.Host("bob", lan), "Bob", conf)
	befriend(t, ann, bob)
	ann.at(t, hub)
	bob.at(t, hub)
	bob.fetches(t, "Ann", "all")
	talk(t, ann, bob, "before") // so that letters can be sealed
	lab.Eventually(t, soon, func() error {
		hubs, err := ann.api.Hubs(t.Context())
		if err == nil && (len(hubs) != 1 || hubs[0].Space == nil) {
			err = fmt.Errorf("Ann's hubs: %+v", hubs)
		}
		return err
	})
	bob.Stop()

	path := filepath.Join(t.TempDir(), "the-secret-film.mkv")
	const size = 20 << 20
	sum := film(t, path, size)
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shared := ann.shares(t, "Bob", path)
	id := shared.ID
	most := int64(0)
	for _, share := range []int64{size / 6, size / 2} {
		most = ann.keptPart(t, id, share).Have
		ann.Kill()
		ann.Start()
		if again := ann.keptPart(t, id, most-2<<20).Have; again < most-2<<20 {
			t.Errorf("of %d bytes that were there, %d are after a kill", most, again)
		}
	}
	if kept := ann.keptPart(t, id, size); kept.Size != size {
		t.Errorf("%+v", kept)
	}
	lab.Eventually(t, soon, func() error {
		if kept := ann.keptPart(t, id, size); kept.Until == nil {
			return fmt.Errorf("%+v", kept)
		}
		return nil
	})
	ann.is(t, shared, kith.Held)
	ann.Stop()

	bob.Start()
	lab.Eventually(t, soon, func() error {
		_, err := bob.api.Message(t.Context(), id.String())
		return err
	})
	now := bob.reaches(t, id, "", 1)
	bob.holds(t, id, sum)
	t.Logf("the first bytes came from %+v", now.From)

	// What lies at the hub tells neither the bytes nor the name.
	needle, found := plain[size/2:size/2+64], false
	filepath.WalkDir(hub.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil // it went meanwhile
		}
		found = found || len(raw) >= size
		if bytes.Contains(raw, needle) || bytes.Contains(raw, []byte("the-secret-film")) {
			t.Errorf("the hub's %s holds what it must not know", name)
		}
		return nil
	})
	if !found {
		t.Error("nothing of the film lies at the hub: was it there?")
	}
}
