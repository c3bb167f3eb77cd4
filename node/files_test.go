package node

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"kith"
)

// noise fills a file with bytes that differ by seed.
func noise(t *testing.T, path string, size int, seed uint64) []byte {
	t.Helper()
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	random.Read(data)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// arrives waits until a share is complete at a node, and gives its message.
func arrives(t *testing.T, n *Node, id kith.EventID) Message {
	t.Helper()
	return stands(t, n, id, TransferComplete)
}

// stands waits until a share is in a state at a node.
func stands(t *testing.T, n *Node, id kith.EventID, want TransferState) Message {
	t.Helper()
	var msg Message
	eventually(t, n, "the file is "+string(want), func() error {
		var err error
		if msg, err = n.Message(t.Context(), id.String()); err != nil {
			return err
		}
		if msg.File == nil {
			return kith.Errorf(kith.NotFound, "no file: %+v", msg)
		}
		if got := msg.File.Transfer; got.State != want {
			return kith.Errorf(kith.Conflict, "it is %s: %s", got.State, got.Reason)
		}
		return nil
	})
	return msg
}

// holds reports whether a file has just these bytes.
func holds(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Fatalf("%s differs from what was shared", path)
	}
}

func TestShareAFile(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	original := filepath.Join(t.TempDir(), "beach.mp4")
	data := noise(t, original, 3<<20, 1)
	shared := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}, Caption: "the sea"}))
	if len(shared) != 1 || shared[0].File == nil || shared[0].Text != "the sea" || !shared[0].File.Transfer.Own || shared[0].File.Transfer.State != TransferComplete {
		t.Fatalf("%+v", shared)
	}
	msg := arrives(t, bob, shared[0].ID)
	if want := filepath.Join(bob.opt.Folders, "Kith", "Ann", "beach.mp4"); msg.File.Transfer.Path != want {
		t.Errorf("it lies at %s, want %s", msg.File.Transfer.Path, want)
	}
	holds(t, msg.File.Transfer.Path, data)
	holds(t, filepath.Join(ann.opt.Folders, "Kith", "Bob", "beach.mp4"), data)

	c := must[*Content](t)(bob.OpenFile(t.Context(), msg.ID.String(), 0))
	defer c.Close()
	if _, err := c.Seek(1<<20, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1000)
	if _, err := io.ReadFull(c, part); err != nil || !bytes.Equal(part, data[1<<20:1<<20+1000]) || c.Size != int64(len(data)) || !c.Complete {
		t.Errorf("%v, %d bytes", err, c.Size)
	}

	// Taken back, the link goes and the original stays; who has it keeps it.
	must[Message](t)(ann.Delete(t.Context(), msg.ID.String()))
	eventually(t, ann, "the link is gone", func() error {
		_, err := os.Lstat(filepath.Join(ann.opt.Folders, "Kith", "Bob", "beach.mp4"))
		if err == nil {
			return kith.Errorf(kith.Conflict, "it is there")
		}
		return nil
	})
	holds(t, original, data)
	holds(t, msg.File.Transfer.Path, data)
}

func TestShareAFolderInASphere(t *testing.T) {
	ann, bob, carl := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob"), open(t, t.TempDir(), "Carl")
	befriend(t, ann, bob)
	befriend(t, ann, carl)
	name := "Family"
	must[Sphere](t)(ann.NewSphere(t.Context(), SphereProfile{Name: &name}))
	for _, n := range []*Node{bob, carl} {
		must[Sphere](t)(ann.InviteToSphere(t.Context(), name, []string{must[Me](t)(n.Me(t.Context())).Name}))
		eventually(t, n, "invited", func() error { _, err := n.Sphere(t.Context(), name); return err })
		must[Sphere](t)(n.JoinSphere(t.Context(), name))
		eventually(t, n, "a member", func() error {
			if s, err := n.Sphere(t.Context(), name); err != nil || s.State != "member" {
				return kith.Errorf(kith.Conflict, "%+v %v", s, err)
			}
			return nil
		})
	}
	// Put into the folder by hand, as a file manager does.
	var folder Folder
	eventually(t, ann, "the folder", func() (err error) {
		if folder, err = ann.Folder(t.Context(), name); err == nil && !folder.Made {
			err = kith.Errorf(kith.NotFound, "it is not made")
		}
		return err
	})
	files := map[string][]byte{}
	for i, rel := range []string{"Films/a.mkv", "Films/deep/b.mkv", "Films/c.txt"} {
		files[rel] = noise(t, filepath.Join(folder.Path, rel), 300_000+i, uint64(i))
	}
	var share Message
	eventually(t, ann, "shared", func() error {
		list, err := ann.Files(t.Context(), name, FilesPage{})
		if err != nil || len(list) != 1 {
			return kith.Errorf(kith.Conflict, "%d shares, %v", len(list), err)
		}
		share = list[0]
		return nil
	})
	if !share.File.Folder || share.File.Files != 3 || share.File.Path != "Films" {
		t.Fatalf("%+v", share.File)
	}
	for _, n := range []*Node{bob, carl} {
		msg := arrives(t, n, share.ID)
		for rel, data := range files {
			holds(t, filepath.Join(filepath.Dir(msg.File.Transfer.Path), filepath.FromSlash(rel)), data)
		}
	}

	// A changed file of the folder is a newer version, and takes the place of
	// the older one.
	single := noise(t, filepath.Join(folder.Path, "notes.txt"), 1000, 9)
	newest := func(n *Node, than kith.EventID) (msg Message) {
		eventually(t, n, "a newer share", func() error {
			list, err := n.Files(t.Context(), name, FilesPage{Limit: 1})
			if err != nil || list[0].ID == than {
				return kith.Errorf(kith.Conflict, "not yet: %v", err)
			}
			msg = list[0]
			return nil
		})
		return msg
	}
	first := newest(ann, share.ID)
	holds(t, arrives(t, bob, first.ID).File.Transfer.Path, single)
	edited := noise(t, filepath.Join(folder.Path, "notes.txt"), 2000, 10)
	second := newest(ann, first.ID)
	if second.File.Replaces == nil || *second.File.Replaces != first.ID || second.File.Path != "notes.txt" {
		t.Fatalf("%+v", second.File)
	}
	msg := arrives(t, bob, second.ID)
	eventually(t, bob, "in its place", func() error {
		msg = must[Message](t)(bob.Message(t.Context(), second.ID.String()))
		if filepath.Base(filepath.Dir(msg.File.Transfer.Path)) != name {
			return kith.Errorf(kith.Conflict, "it lies at %s", msg.File.Transfer.Path)
		}
		return nil
	})
	holds(t, msg.File.Transfer.Path, edited)
	old := must[Message](t)(bob.Message(t.Context(), first.ID.String()))
	holds(t, old.File.Transfer.Path, single)

	// What one removes is taken back, and stays with who has it.
	if err := os.Remove(filepath.Join(folder.Path, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	eventually(t, bob, "taken back", func() error {
		if m := must[Message](t)(bob.Message(t.Context(), second.ID.String())); !m.Deleted {
			return kith.Errorf(kith.Conflict, "it is not deleted")
		}
		return nil
	})
	holds(t, msg.File.Transfer.Path, edited)
}
