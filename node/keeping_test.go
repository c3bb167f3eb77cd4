package node

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"kith"
	hubserver "kith/hub"
	"kith/hubapi"
)

// runSeedbox runs a hub with a seedbox until the test ends.
func runSeedbox(t *testing.T, quota int64) *hubserver.Hub {
	t.Helper()
	cfg := hubserver.DefaultConfig()
	cfg.Listen, cfg.TLS.Mode, cfg.Metrics = "127.0.0.1:0", hubserver.TLSOff, ""
	cfg.NoticeKey = strings.Repeat("17", 32)
	cfg.Relay.Secret, cfg.Seedbox.Secret = strings.Repeat("23", 32), strings.Repeat("42", 32)
	cfg.Seedbox.On, cfg.Seedbox.BytesPerDevice = true, hubserver.Size(quota)
	h, err := hubserver.Start(t.Context(), t.TempDir(), cfg, hubserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// useSeedbox makes a node use a hub, and waits until that keeps files for it.
func useSeedbox(t *testing.T, n *Node, h *hubserver.Hub) {
	t.Helper()
	useHub(t, n, h)
	eventually(t, n, "room at the seedbox", func() error {
		hubs, err := n.Hubs(t.Context())
		if err == nil && (len(hubs) != 1 || hubs[0].Space == nil || hubs[0].Space.Quota == 0) {
			err = fmt.Errorf("the hubs are %+v", hubs)
		}
		return err
	})
}

// keptBy waits until a share is as it is wanted at the only hub.
func keptBy(t *testing.T, n *Node, id kith.EventID, what string, is func(Kept) bool) {
	t.Helper()
	eventually(t, n, what, func() error {
		msg, err := n.Message(t.Context(), id.String())
		if err != nil {
			return err
		}
		if len(msg.File.Kept) != 1 || !is(msg.File.Kept[0]) {
			return fmt.Errorf("kept: %+v", msg.File.Kept)
		}
		return nil
	})
}

func whole(k Kept) bool { return k.Until != nil && k.Have == k.Size && k.Size > 0 && k.Reason == "" }

// infohashOf is by what a hub knows a share.
func infohashOf(t *testing.T, n *Node, id kith.EventID) hubapi.InfoHash {
	t.Helper()
	entry, err := n.run.store.Message(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return hubapi.InfoHash(entry.File.Infohash)
}

// gone waits until a hub keeps a share no more.
func gone(t *testing.T, n *Node, h *hubserver.Hub, file hubapi.InfoHash) {
	t.Helper()
	eventually(t, n, "the end of it at the hub", func() error {
		if kept, err := hubapi.KeptState(t.Context(), http.DefaultClient, h.URL(), file); kith.KindOf(err) != kith.NotFound {
			return fmt.Errorf("%+v, %v", kept, err)
		}
		return nil
	})
}

// Ann shares while Bob is away, and goes; Bob comes and gets it from her hub. Taken
// back, the hub has it no more.
func TestAHubKeepsWhatIsShared(t *testing.T) {
	h := runSeedbox(t, 1<<30)
	annHome, bobHome := t.TempDir(), t.TempDir()
	ann, bob := open(t, annHome, "Ann"), open(t, bobHome, "Bob")
	befriend(t, ann, bob)
	useSeedbox(t, ann, h)
	useHub(t, bob, h)
	exchanged(t, ann)
	bob.Close()

	original := filepath.Join(t.TempDir(), "beach.mp4")
	data := noise(t, original, 3<<20+17, 1)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}}))[0]
	keptBy(t, ann, shared.ID, "all of it at the hub", whole)
	state(t, ann, shared.ID, kith.Held)
	file := infohashOf(t, ann, shared.ID)
	ann.Close()

	bob = open(t, bobHome, "")
	texts(t, bob, "Ann", "")
	msg := arrives(t, bob, shared.ID)
	holds(t, msg.File.Transfer.Path, data)
	bob.Close()

	ann = open(t, annHome, "")
	keptBy(t, ann, shared.ID, "what was known of it", whole)
	must[Message](t)(ann.Delete(t.Context(), shared.ID.String()))
	gone(t, ann, h, file)
}

// What finds no room says so, and what is switched off is taken back.
func TestWhatAHubKeepsIsChosen(t *testing.T) {
	h := runSeedbox(t, 4<<20)
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	before := filepath.Join(t.TempDir(), "before.bin")
	noise(t, before, 100_000, 1)
	older := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{before}}))[0]
	useSeedbox(t, ann, h)
	small, large := filepath.Join(t.TempDir(), "small.bin"), filepath.Join(t.TempDir(), "large.bin")
	noise(t, small, 1<<20, 2)
	noise(t, large, 5<<20, 3)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{large, small}}))
	keptBy(t, ann, shared[0].ID, "that there is no room", func(k Kept) bool {
		return k.Until == nil && strings.HasPrefix(k.Reason, "There is no room for it: ")
	})
	keptBy(t, ann, shared[1].ID, "all of it at the hub", whole)
	if msg := must[Message](t)(ann.Message(t.Context(), older.ID.String())); len(msg.File.Kept) != 0 {
		t.Errorf("what was shared before the hub was there: %+v", msg.File.Kept)
	}

	p := must[Preferences](t)(ann.Preferences(t.Context()))
	if p.KeepFiles != KeepOwn {
		t.Errorf("without a choice it keeps %q", p.KeepFiles)
	}
	p.KeepFiles = "some"
	if _, err := ann.SetPreferences(t.Context(), p); kith.KindOf(err) != kith.Invalid {
		t.Errorf("nonsense: %v", err)
	}
	p.KeepFiles = KeepOff
	must[Preferences](t)(ann.SetPreferences(t.Context(), p))
	gone(t, ann, h, infohashOf(t, ann, shared[1].ID))

	// Of what was fetched only by choice.
	useSeedbox(t, bob, h)
	theirs := filepath.Join(t.TempDir(), "theirs.bin")
	noise(t, theirs, 1<<20, 4)
	fetched := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{theirs}}))[0]
	if msg := arrives(t, bob, fetched.ID); len(msg.File.Kept) != 0 {
		t.Errorf("what was fetched without the choice: %+v", msg.File.Kept)
	}
	p = must[Preferences](t)(bob.Preferences(t.Context()))
	p.KeepFiles = KeepAll
	must[Preferences](t)(bob.SetPreferences(t.Context(), p))
	keptBy(t, bob, fetched.ID, "what was fetched at the hub", whole)
}
