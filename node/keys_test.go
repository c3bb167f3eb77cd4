package node

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"kith"
)

var groups = regexp.MustCompile(`^([0-9a-f]{4} ){9}[0-9a-f]{4}$`)

func TestFingerprint(t *testing.T) {
	// SHA-256 of 32 zero bytes begins so.
	if got, want := fingerprint([32]byte{}), "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20 0897 1485"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestContactKeyStates(t *testing.T) {
	for name, c := range map[string]struct {
		contact kith.Contact
		want    KeyState
	}{
		"accepted": {kith.Contact{Relation: kith.Accepted}, KeyIntact},
		"verified": {kith.Contact{Relation: kith.Accepted, Verified: time.Now()}, KeyIntact},
		"asked":    {kith.Contact{Relation: kith.Asked}, KeyWaiting},
		"asking":   {kith.Contact{Relation: kith.Asking}, KeyWaiting},
		"removed":  {kith.Contact{Relation: kith.Removed}, KeyRefused},
		"warned":   {kith.Contact{Relation: kith.Accepted, Verified: time.Now(), Warning: "beware"}, KeyRefused},
	} {
		key := contactKey(&c.contact)
		if key.State != c.want || key.Reason == "" || !groups.MatchString(key.Fingerprint) {
			t.Errorf("%s: %+v", name, key)
		}
	}
}

func TestKeysOfAnAccount(t *testing.T) {
	ctx := t.Context()
	ann := open(t, t.TempDir(), "Ann")
	before, err := ann.Keys(ctx)
	if err != nil || len(before) != 2 || before[0].Kind != "account" || before[0].Name != "Ann" || before[1].Kind != "device" {
		t.Fatalf("%+v, %v", before, err)
	}
	for _, key := range before {
		if !key.This || key.State != KeyIntact || key.Reason == "" || !groups.MatchString(key.Fingerprint) || key.Since != nil {
			t.Errorf("%+v", key)
		}
	}
	// Two lives later, two former keys are known, the last one first.
	now := before[1]
	var former []string
	for range 2 {
		ann.run.rolledBack()
		former = append([]string{now.ID}, former...)
		var keys []Key
		eventually(t, ann, "another life", func() error {
			if keys, err = ann.Keys(ctx); err == nil && len(keys) < 2+len(former) {
				err = fmt.Errorf("%d keys", len(keys))
			}
			return err
		})
		if len(keys) != 2+len(former) || keys[0] != before[0] || keys[1].ID == now.ID || !keys[1].This {
			t.Fatalf("%+v", keys)
		}
		for i, key := range keys[2:] {
			if key.ID != former[i] || key.This || key.State != KeyRefused || key.Since == nil {
				t.Errorf("%+v, want %s refused", key, former[i])
			}
		}
		now = keys[1]
	}
}

// A store of an older version does not tell which devices were replaced, but
// what they wrote does.
func TestFormerDeviceKnownByWhatItWrote(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	acquaint(t, ann, "Bob")
	send(t, ann, "Bob", "hello")
	writer := ann.run.id.peer.Device
	ann.run.mu.Lock()
	ann.run.ownCard.Devices = nil
	ann.run.mu.Unlock()
	keys, err := ann.Keys(t.Context())
	if err != nil || len(keys) != 3 || keys[2].ID != writer.String() || keys[2].State != KeyRefused || keys[2].Since != nil {
		t.Errorf("%+v, %v", keys, err)
	}
}

func TestStorage(t *testing.T) {
	home := t.TempDir()
	ann := open(t, home, "Ann")
	acquaint(t, ann, "Bob", "Carol")
	send(t, ann, "Bob", "hello")
	sub := filepath.Join(home, "pictures")
	for path, size := range map[string]int{LogFile: 100, LogFile + ".old": 20, LogFile + ".mine": 3, filepath.Join("pictures", storeFile): 4} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, path), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ann.Storage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Home != home || s.Database.Path != filepath.Join(home, storeFile) || s.Log.Path != filepath.Join(home, LogFile) || s.Encrypted {
		t.Errorf("%+v", s)
	}
	if s.Log.Bytes != 120 || s.Other != 7 || s.Database.Bytes < 50_000 || s.Total != s.Database.Bytes+s.Log.Bytes+s.Other {
		t.Errorf("%+v", s)
	}
	if s.Conversations != 2 || s.Messages != 1 {
		t.Errorf("%d conversations, %d messages", s.Conversations, s.Messages)
	}
	if s.Free == 0 || s.Free < -1 {
		t.Errorf("%d bytes free", s.Free)
	}
}
