package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/store"
)

const (
	sealedBy = "the passphrase of a backup"
	storeBy  = "the passphrase of a store"
)

// A life is an account with a contact, and a backup of it.
type life struct {
	bob     *Node
	account kith.AccountID
	file    string
}

// pastLife makes a life, whose store is encrypted, and ends Ann's node.
func pastLife(t *testing.T) life {
	t.Helper()
	ctx := t.Context()
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	if err := ann.SetPassphrase(ctx, "", storeBy); err != nil {
		t.Fatal(err)
	}
	send(t, ann, "Bob", "before the backup")
	texts(t, bob, "Ann", "before the backup")
	me, err := ann.Me(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l := life{bob: bob, account: me.Account, file: filepath.Join(t.TempDir(), "backup")}
	if err := errors.Join(ann.Backup(ctx, l.file, sealedBy), ann.Close()); err != nil {
		t.Fatal(err)
	}
	return l
}

// onlyOwnFiles fails if something of a restore is left in a home.
func onlyOwnFiles(t *testing.T, home string) {
	t.Helper()
	entries, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".kith-") {
			t.Errorf("%s is left in the home", entry.Name())
		}
	}
}

// A store keeps its own passphrase in the backup; that of the node which it takes
// the place of is gone.
func TestRestoreInPlace(t *testing.T) {
	l := pastLife(t)
	ctx := t.Context()
	home := t.TempDir()
	n := open(t, home, "")
	if err := n.SetPassphrase(ctx, "", "that of the empty node"); err != nil {
		t.Fatal(err)
	}
	before, err := n.Me(ctx)
	if err != nil || before.Account == l.account {
		t.Fatalf("%+v, %v", before, err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	news := n.Subscribe(reading, "")

	for _, wrong := range []Passphrases{{Backup: "not this one", Store: storeBy}, {Backup: sealedBy}} {
		if err := n.Restore(ctx, l.file, wrong); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if me, err := n.Me(ctx); err != nil || me.Account != before.Account {
		t.Fatalf("after what failed: %+v, %v", me, err)
	}
	onlyOwnFiles(t, home)

	right := Passphrases{Backup: sealedBy, Store: storeBy}
	if err := n.Restore(ctx, l.file, right); err != nil {
		t.Fatal(err)
	}
	for notice := range news {
		if notice.Type == "reset" {
			break
		}
	}
	me, err := n.Me(ctx)
	if err != nil || me.Account != l.account || me.Name != "Ann" || !me.Encrypted {
		t.Fatalf("%+v, %v", me, err)
	}
	send(t, l.bob, "Ann", "welcome back")
	texts(t, n, "Bob", "before the backup", "welcome back")
	onlyOwnFiles(t, home)
	if err := n.Restore(ctx, l.file, right); kith.KindOf(err) != kith.Conflict {
		t.Errorf("once more: %v", err)
	}
	if _, err := os.Stat(l.file); err != nil {
		t.Errorf("the backup: %v", err)
	}

	// It is still this account after a restart.
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Options{Home: home, Passphrase: answer("that of the empty node")}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("the former passphrase: %v", err)
	}
	n, err = Open(ctx, Options{Home: home, Passphrase: answer(storeBy), Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	texts(t, n, "Bob", "before the backup", "welcome back")
}

func TestRestoreRefusesWhatIsInUse(t *testing.T) {
	named := open(t, t.TempDir(), "Zoë")
	known := open(t, t.TempDir(), "")
	acquaint(t, known, "Somebody")
	for name, n := range map[string]*Node{"with a name": named, "with contacts": known} {
		if err := n.Restore(t.Context(), filepath.Join(n.Home(), "none"), Passphrases{}); kith.KindOf(err) != kith.Conflict {
			t.Errorf("a node %s: %v", name, err)
		}
	}
	n := open(t, t.TempDir(), "")
	if err := n.Restore(t.Context(), filepath.Join(n.Home(), "none"), Passphrases{Backup: sealedBy}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("no file: %v", err)
	}
	onlyOwnFiles(t, n.Home())
}

// A ground is a home with a store and its key, and whose it is.
type ground struct {
	home    string
	key     *[32]byte
	account kith.AccountID
}

// lay makes a ground, encrypted or not.
func lay(t *testing.T, encrypted bool) ground {
	t.Helper()
	g := ground{home: t.TempDir()}
	n := open(t, g.home, "")
	me, err := n.Me(t.Context())
	if err == nil && encrypted {
		err = n.SetPassphrase(t.Context(), "", storeBy)
	}
	if err := errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	g.account, g.key = me.Account, n.key
	return g
}

// put copies the files of a ground into a folder.
func (g *ground) put(t *testing.T, folder string) {
	t.Helper()
	for _, name := range []string{storeFile, keyFile} {
		content, err := os.ReadFile(filepath.Join(g.home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, name), content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// After every step at which a process can be killed, the next start finds
// either the empty node or the restored one, whole. Each may be encrypted, both
// by the same passphrase.
func TestRestoreKilled(t *testing.T) {
	move := func(from, to string) func(string) error {
		return func(home string) error {
			err := os.Rename(filepath.Join(home, from), filepath.Join(home, to))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
	}
	const unpacked = ".kith-restoring-1"
	steps := []struct {
		name string
		do   func(home string) error
	}{
		{"unpacked", func(string) error { return nil }},
		{"committed", move(unpacked, restored)},
		{"the key taken", move(filepath.Join(restored, keyFile), keyFile)},
		{"the store taken", move(filepath.Join(restored, storeFile), storeFile)},
		{"the folder removed", func(home string) error { return os.RemoveAll(filepath.Join(home, restored)) }},
	}
	grounds := map[bool][2]ground{}
	for _, encrypted := range []bool{false, true} {
		grounds[encrypted] = [2]ground{lay(t, encrypted), lay(t, encrypted)}
	}
	for _, c := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		empty, kept := grounds[c[0]][0], grounds[c[1]][1]
		for i, step := range steps {
			if step.name == "the folder removed" && c[0] && !c[1] {
				continue // not before the key is
			}
			t.Run(fmt.Sprint(c, " ", step.name), func(t *testing.T) {
				home := t.TempDir()
				empty.put(t, home)
				kept.put(t, filepath.Join(home, unpacked))
				for _, before := range steps[:i+1] {
					if err := before.do(home); err != nil {
						t.Fatal(err)
					}
				}
				lock, err := takeHome(home)
				if err != nil {
					t.Fatal(err)
				}
				defer lock.Unlock()
				want := kept
				if i == 0 {
					want = empty
				}
				encrypted, err := isEncrypted(home)
				if err != nil || encrypted != (want.key != nil) {
					t.Errorf("encrypted: %v, %v", encrypted, err)
				}
				wrapped, _ := os.ReadFile(filepath.Join(home, keyFile))
				if its, _ := os.ReadFile(filepath.Join(want.home, keyFile)); !bytes.Equal(wrapped, its) {
					t.Errorf("the key file is not its own")
				}
				st, err := store.Open(t.Context(), filepath.Join(home, storeFile), store.Options{Key: want.key})
				if err != nil {
					t.Fatal(err)
				}
				defer st.Close()
				if id, err := loadIdentity(t.Context(), st, time.Now()); err != nil || id.peer.Account != want.account {
					t.Errorf("the account of another: %v", err)
				}
				onlyOwnFiles(t, home)
			})
		}
	}
}

// What somebody keeps in the home themselves is theirs.
func TestClearUpTakesOnlyItsOwn(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"backup-2026", "restore-me", "restored", ".kith-restoring-7", ".kith-backing-up-7"} {
		if err := os.MkdirAll(filepath.Join(home, name, "inside"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".kith-restoring-8"), []byte("an upload"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, home, "Ann")
	onlyOwnFiles(t, home)
	for _, name := range []string{"backup-2026", "restore-me", "restored"} {
		if _, err := os.Stat(filepath.Join(home, name, "inside")); err != nil {
			t.Error(err)
		}
	}
}

// The node goes on whatever became of who asked for a change of the ground.
func TestReplaceOutlivesItsCaller(t *testing.T) {
	n := open(t, t.TempDir(), "Ann")
	ctx, cancel := context.WithCancel(t.Context())
	err := n.replace(ctx, n.run, func() error { cancel(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if me, err := n.Me(t.Context()); err != nil || me.Name != "Ann" {
		t.Errorf("%+v, %v", me, err)
	}
}

// A run that followed another is watched as the first one was.
func TestLaterRunsAreWatched(t *testing.T) {
	n := open(t, t.TempDir(), "Ann")
	if err := n.SetPassphrase(t.Context(), "", storeBy); err != nil {
		t.Fatal(err)
	}
	n.mu.RLock()
	second := n.run
	n.mu.RUnlock()
	device := second.id.peer.Device
	second.rolledBack()
	eventually(t, n, "a new device", func() error {
		me, err := n.Me(t.Context())
		if err == nil && me.Device == device {
			return errors.New("it is still the old one")
		}
		return err
	})
}
