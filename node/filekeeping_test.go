package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kith"
	"kith/preview"
)

func TestUpload(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	for name, data := range map[string]string{"Trip/day 1/a.txt": "first", "Trip/b.txt": "second", "../../notes.txt": "third"} {
		if err := ann.Upload(t.Context(), "Bob", "batch-1", name, bytes.NewReader([]byte(data))); err != nil {
			t.Fatal(err)
		}
	}
	if err := ann.Upload(t.Context(), "Bob", "../x", "a", bytes.NewReader(nil)); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a batch of a strange name: %v", err)
	}
	if err := ann.Upload(t.Context(), "Bob", "batch-1", "notes.txt", bytes.NewReader(nil)); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second file of one name: %v", err)
	}
	shared := must[[]Message](t)(ann.ShareUpload(t.Context(), "Bob", "batch-1", UploadRequest{Caption: "here"}))
	if len(shared) != 2 || shared[0].Text != "here" || shared[1].Text != "" || !shared[0].File.Folder || shared[1].File.Path != "notes.txt" {
		t.Fatalf("%+v", shared)
	}
	at := arrives(t, bob, shared[0].ID).File.Transfer.Path
	holds(t, filepath.Join(at, "day 1", "a.txt"), []byte("first"))
	holds(t, arrives(t, bob, shared[1].ID).File.Transfer.Path, []byte("third"))

	if _, err := ann.ShareUpload(t.Context(), "Bob", "batch-1", UploadRequest{}); kith.KindOf(err) != kith.NotFound {
		t.Errorf("shared twice: %v", err)
	}
	if err := ann.Upload(t.Context(), "Bob", "batch-2", "never", bytes.NewReader([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if err := ann.CancelUpload(t.Context(), "Bob", "batch-2"); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(must[Folder](t)(ann.Folder(t.Context(), "Bob")).Path, ".kith", "uploads", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestWhatIsFetchedByItself(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	small, most := "small", int64(1000)
	must[Folder](t)(bob.SetFolder(t.Context(), "Ann", FolderChange{Fetch: &small, Most: &most}))
	dir := t.TempDir()
	noise(t, filepath.Join(dir, "little"), 1000, 1)
	big := noise(t, filepath.Join(dir, "big"), 1001, 2)
	noise(t, filepath.Join(dir, "both", "little"), 10, 3)
	noise(t, filepath.Join(dir, "both", "big"), 2000, 4)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{
		filepath.Join(dir, "little"), filepath.Join(dir, "big"), filepath.Join(dir, "both"),
	}}))
	arrives(t, bob, shared[0].ID)
	stands(t, bob, shared[1].ID, TransferNone)
	stands(t, bob, shared[2].ID, TransferPartial)
	entries := must[[]FileEntry](t)(bob.FileEntries(t.Context(), shared[2].ID.String()))
	want := func(path string, complete bool) {
		t.Helper()
		i := slices.IndexFunc(entries, func(e FileEntry) bool { return e.Path == path })
		if i < 0 || entries[i].Complete != complete || entries[i].Wanted != complete {
			t.Errorf("%s: %+v", path, entries)
		}
	}
	want("little", true)
	want("big", false)

	// A click fetches; what is not wanted any more goes, and is offered again.
	must[Message](t)(bob.FetchFile(t.Context(), shared[1].ID.String(), FetchRequest{}))
	at := arrives(t, bob, shared[1].ID).File.Transfer.Path
	holds(t, at, big)
	must[Message](t)(bob.DropFile(t.Context(), shared[1].ID.String()))
	stands(t, bob, shared[1].ID, TransferNone)
	if _, err := os.Lstat(at); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	must[Message](t)(bob.FetchFile(t.Context(), shared[2].ID.String(), FetchRequest{Files: []string{"big"}}))
	arrives(t, bob, shared[2].ID)

	// All from now on, and all that was offered.
	all := "all"
	must[Folder](t)(bob.SetFolder(t.Context(), "Ann", FolderChange{Fetch: &all}))
	holds(t, arrives(t, bob, shared[1].ID).File.Transfer.Path, big)
	if _, err := bob.DropFile(t.Context(), shared[1].ID.String()[:8]); err != nil {
		t.Error(err)
	}
	if _, err := ann.DropFile(t.Context(), shared[1].ID.String()); kith.KindOf(err) != kith.Conflict {
		t.Errorf("dropping an own one: %v", err)
	}
}

func TestFilesSurviveARestart(t *testing.T) {
	annHome, bobHome := t.TempDir(), t.TempDir()
	ann, bob := open(t, annHome, "Ann"), open(t, bobHome, "Bob")
	befriend(t, ann, bob)
	original := filepath.Join(t.TempDir(), "film.mkv")
	data := noise(t, original, 1<<20, 1)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}}))
	click := "click"
	arrives(t, bob, shared[0].ID)
	must[Folder](t)(bob.SetFolder(t.Context(), "Ann", FolderChange{Fetch: &click}))
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	// What was put into the folder meanwhile is shared at the next start.
	noise(t, filepath.Join(annHome, "Kith", "Bob", "meanwhile.txt"), 10, 2)
	ann, bob = open(t, annHome, ""), open(t, bobHome, "")
	holds(t, arrives(t, bob, shared[0].ID).File.Transfer.Path, data)
	if msg := arrives(t, ann, shared[0].ID); !msg.File.Transfer.Own {
		t.Errorf("%+v", msg.File.Transfer)
	}
	eventually(t, bob, "the newest", func() error {
		list, err := bob.Files(t.Context(), "Ann", FilesPage{})
		if err != nil || len(list) != 2 || list[0].File.Path != "meanwhile.txt" {
			return kith.Errorf(kith.Conflict, "%d shares, %v", len(list), err)
		}
		return nil
	})
	if f := must[Folder](t)(bob.Folder(t.Context(), "Ann")); f.Fetch != "click" || !f.Made || f.Problem != "" {
		t.Errorf("%+v", f)
	}
}

func TestFolderMoves(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	original := filepath.Join(t.TempDir(), "film.mkv")
	data := noise(t, original, 1<<20, 1)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}}))
	arrives(t, bob, shared[0].ID)
	elsewhere := filepath.Join(t.TempDir(), "films", "of Ann")
	if f := must[Folder](t)(bob.SetFolder(t.Context(), "Ann", FolderChange{Path: &elsewhere})); f.Path != elsewhere || !f.Made {
		t.Errorf("%+v", f)
	}
	msg := arrives(t, bob, shared[0].ID)
	if want := filepath.Join(elsewhere, "film.mkv"); msg.File.Transfer.Path != want {
		t.Errorf("it lies at %s, want %s", msg.File.Transfer.Path, want)
	}
	holds(t, msg.File.Transfer.Path, data)
	must[Message](t)(bob.VerifyFile(t.Context(), shared[0].ID.String()))
	arrives(t, bob, shared[0].ID)

	full := t.TempDir()
	noise(t, filepath.Join(full, "something"), 1, 1)
	for _, path := range []string{"relative", full, filepath.Join(elsewhere, "below")} {
		if _, err := bob.SetFolder(t.Context(), "Ann", FolderChange{Path: &path}); err == nil {
			t.Errorf("%s became the folder", path)
		}
	}
}

// Who was put out of a sphere is given no piece of what they knew of.
func TestRemovedMemberGetsNoPieces(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	name, click := "Family", "click"
	must[Sphere](t)(ann.NewSphere(t.Context(), SphereProfile{Name: &name}))
	must[Sphere](t)(ann.InviteToSphere(t.Context(), name, []string{"Bob"}))
	eventually(t, bob, "invited", func() error { _, err := bob.Sphere(t.Context(), name); return err })
	must[Sphere](t)(bob.JoinSphere(t.Context(), name))
	eventually(t, bob, "a member", func() error {
		if s, err := bob.Sphere(t.Context(), name); err != nil || s.State != "member" {
			return kith.Errorf(kith.Conflict, "%v", err)
		}
		return nil
	})
	must[Folder](t)(bob.SetFolder(t.Context(), name, FolderChange{Fetch: &click}))
	original := filepath.Join(t.TempDir(), "film.mkv")
	noise(t, original, 1<<20, 1)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), name, ShareRequest{Paths: []string{original}}))
	stands(t, bob, shared[0].ID, TransferNone)
	r, leave, err := ann.enter()
	if err != nil {
		t.Fatal(err)
	}
	leave()
	peer := must[Me](t)(bob.Me(t.Context()))
	s, _ := r.spheres.find(name)
	host := shelfHost{r}
	if !host.Shares(s.id, peer.Account) {
		t.Fatal("a member does not share the sphere")
	}
	must[Sphere](t)(ann.RemoveMember(t.Context(), name, "Bob"))
	if host.Shares(s.id, peer.Account) {
		t.Error("who was removed still shares the sphere")
	}
	eventually(t, bob, "removed", func() error {
		if s, err := bob.Sphere(t.Context(), name); err != nil || s.State != "removed" {
			return kith.Errorf(kith.Conflict, "%v", err)
		}
		return nil
	})
	if _, err := bob.FetchFile(t.Context(), shared[0].ID.String(), FetchRequest{}); kith.KindOf(err) != kith.Conflict {
		after, sphere := must[Message](t)(bob.Message(t.Context(), shared[0].ID.String())), must[Sphere](t)(bob.Sphere(t.Context(), name))
		t.Errorf("fetching after the removal: %v; it stands at %+v in a sphere that is %q", err, after.File, sphere.State)
	}
}

// Where a photo was taken is left out of what is sent, however it is shared, and
// the original keeps it.
func TestPlacesAreLeftOut(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	photo, err := os.ReadFile("testdata/taken-somewhere.jpg")
	if err != nil {
		t.Fatal(err)
	}
	tells := func(path string) bool {
		t.Helper()
		told, err := preview.HasLocation(path)
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	dir := t.TempDir()
	put := func(rel string) string {
		t.Helper()
		path := filepath.Join(dir, rel)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, photo, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	single, album, kept := put("one.jpg"), filepath.Dir(put("album/two.jpg")), put("kept.jpg")
	noise(t, filepath.Join(album, "notes.txt"), 10, 1)
	if !tells(single) {
		t.Fatal("the photo of the test tells no place")
	}
	without := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{single, album}}))
	with := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{kept}, KeepLocation: true}))
	if path := arrives(t, bob, without[0].ID).File.Transfer.Path; tells(path) {
		t.Error("a photo tells where it was taken")
	}
	if path := arrives(t, bob, without[1].ID).File.Transfer.Path; tells(filepath.Join(path, "two.jpg")) {
		t.Error("a photo in a folder tells where it was taken")
	}
	if path := arrives(t, bob, with[0].ID).File.Transfer.Path; !tells(path) {
		t.Error("the place was to be kept")
	}
	for _, original := range []string{single, filepath.Join(album, "two.jpg"), kept} {
		if !tells(original) {
			t.Errorf("%s was changed", original)
		}
	}

	// Put into the folder: the person's file stays as it is there, too.
	folder := must[Folder](t)(ann.Folder(t.Context(), "Bob")).Path
	byHand := filepath.Join(folder, "by hand.jpg")
	if err := os.WriteFile(byHand, photo, 0o600); err != nil {
		t.Fatal(err)
	}
	var newest Message
	eventually(t, bob, "the newest", func() error {
		list, err := bob.Files(t.Context(), "Ann", FilesPage{Limit: 1})
		if err != nil || list[0].File.Path != "by hand.jpg" {
			return kith.Errorf(kith.Conflict, "not yet: %v", err)
		}
		newest = list[0]
		return nil
	})
	if path := arrives(t, bob, newest.ID).File.Transfer.Path; tells(path) {
		t.Error("a photo put into the folder tells where it was taken")
	}
	if !tells(byHand) {
		t.Error("the person's own file was changed")
	}
}

// What is handed on to somebody else is not read again, and stays when the first
// message is taken back.
func TestForwardFile(t *testing.T) {
	ann, bob, carl := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob"), open(t, t.TempDir(), "Carl")
	befriend(t, ann, bob)
	befriend(t, bob, carl)
	original := filepath.Join(t.TempDir(), "film.mkv")
	data := noise(t, original, 1<<20, 1)
	first := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}}))[0]
	at := arrives(t, bob, first.ID).File.Transfer.Path
	again := must[[]Message](t)(bob.ForwardFile(t.Context(), first.ID.String(), []string{"Carl"}, "from Ann"))[0]
	if msg := arrives(t, bob, again.ID); msg.File.Transfer.Path != at || msg.Text != "from Ann" {
		t.Errorf("%+v", msg.File.Transfer)
	}
	holds(t, arrives(t, carl, again.ID).File.Transfer.Path, data)

	must[Message](t)(bob.DropFile(t.Context(), first.ID.String()))
	stands(t, bob, first.ID, TransferNone)
	if msg := arrives(t, bob, again.ID); msg.File.Transfer.Path != at {
		t.Errorf("%+v", msg.File.Transfer)
	}
	holds(t, at, data)
	must[Message](t)(carl.DropFile(t.Context(), again.ID.String()))
	must[Message](t)(carl.FetchFile(t.Context(), again.ID.String(), FetchRequest{}))
	holds(t, arrives(t, carl, again.ID).File.Transfer.Path, data)
	if _, err := ann.ForwardFile(t.Context(), first.ID.String(), []string{"Carl"}, ""); kith.KindOf(err) != kith.NotFound {
		t.Errorf("to somebody unknown: %v", err)
	}
}
