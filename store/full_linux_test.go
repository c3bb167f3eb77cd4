package store_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kith"
	"kith/store"
)

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk can't be made: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "kith.db")
	s, err := store.Open(t.Context(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	long := text(strings.Repeat("long ", 2000))
	defer s.Close() // before the disk goes, even if the test fails
	stored := 0
	for {
		if _, err = s.Append(t.Context(), chat, alice.Device, compose(long)); err != nil {
			break
		}
		stored++
	}
	wantKind(t, err, kith.Full)
	if stored == 0 {
		t.Fatal("not even one was stored")
	}
	events := make([]kith.Event, 200)
	for i := range events {
		events[i] = event(bob, uint64(i+1), uint64(i+1), long)
	}
	done, err := s.Apply(t.Context(), chat, bob, 1, events, store.ApplyOptions{})
	wantKind(t, err, kith.Full)
	if done != (store.Applied{}) {
		t.Errorf("%+v", done)
	}
	if n := len(history(t, s)); n != stored {
		t.Errorf("%d messages, %d were acknowledged", n, stored)
	}
	s.Close() // it may not be able to empty its log; nothing is lost by that
	again, err := store.Open(t.Context(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := len(history(t, again)); n != stored {
		t.Errorf("%d messages after opening again, %d were acknowledged", n, stored)
	}
}
