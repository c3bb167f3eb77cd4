package nats_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kith/hub/cluster"
	"kith/hub/cluster/clustertest"
	"kith/hub/moderation"
	"kith/hub/moderation/moderationtest"
	"kith/hub/moderation/nats"
	"kith/hubapi"
)

// serve runs a server; three of them, and one that dies, are in package hub's
// tests.
func serve(t *testing.T) string {
	t.Helper()
	return clustertest.Serve(t, clustertest.Options(t.TempDir())).ClientURL()
}

func open(t *testing.T, url, prefix string, key ed25519.PrivateKey, alone moderation.Log, log *slog.Logger) moderation.Log {
	t.Helper()
	l, err := nats.Open(t.Context(), cluster.Config{Servers: []string{url}, Prefix: prefix, Replicas: 1}, key, alone, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

var silent = slog.New(slog.DiscardHandler)

// TestConformance runs the suite with two hubs side by side.
func TestConformance(t *testing.T) {
	url := serve(t)
	var n atomic.Int32
	moderationtest.Conformance(t, func(t *testing.T) (a, b moderation.Log, again func() moderation.Log) {
		prefix := fmt.Sprint("t", n.Add(1))
		open := func() moderation.Log { return open(t, url, prefix, moderationtest.Key, nil, silent) }
		return open(), open(), open
	})
}

// What a hub kept alone is there when it joins a cluster, and numbers go on.
func TestTakenOver(t *testing.T) {
	url, path := serve(t), filepath.Join(t.TempDir(), "moderation.json")
	moderationtest.Past(t, path, moderation.MaxNotices+5)
	alone, err := moderation.Open(path, moderationtest.Key)
	if err != nil {
		t.Fatal(err)
	}
	ann, now := hubapi.Key{1}, time.Now()
	if _, err := alone.Block(t.Context(), ann, time.Hour, now); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		l := open(t, url, "kith", moderationtest.Key, alone, silent)
		if all := l.All(); len(all) != moderation.MaxNotices || all[0].Text != "notice 6" {
			t.Errorf("%d notices are there", len(all))
		}
		if _, blocked := l.Blocked(ann, now); !blocked {
			t.Error("Ann is not blocked")
		}
	}
	l := open(t, url, "kith", moderationtest.Key, nil, silent)
	if n, err := l.Notify(t.Context(), nil, "together", now); err != nil || n.ID != moderation.MaxNotices+6 {
		t.Errorf("the next is %+v, %v", n, err)
	}
	if err := l.Unblock(t.Context(), ann, now); err != nil {
		t.Error(err)
	}
	// A hub that was alone for longer changes nothing any more.
	for range 3 {
		if _, err := alone.Notify(t.Context(), nil, "still alone", now); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, url, "kith", moderationtest.Key, alone, silent)
	if all := l.All(); len(all) != moderation.MaxNotices || all[len(all)-1].Text != "together" || len(l.AllBlocks(now)) != 0 {
		t.Errorf("the last notice is %q, blocked are %v", all[len(all)-1].Text, l.AllBlocks(now))
	}
}

// What another key signed is passed over, and the log says what to do.
func TestAnotherKey(t *testing.T) {
	url := serve(t)
	var text bytes.Buffer
	other := open(t, url, "kith", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)), nil, silent)
	if _, err := other.Notify(t.Context(), nil, "signed by another", time.Now()); err != nil {
		t.Fatal(err)
	}
	l := open(t, url, "kith", moderationtest.Key, nil, slog.New(slog.NewTextHandler(&text, nil)))
	if n, err := l.Notify(t.Context(), nil, "ours", time.Now()); err != nil || n.ID != 2 || len(l.All()) != 1 {
		t.Errorf("the next is %+v, %v, and there are %d", n, err, len(l.All()))
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text.String(), "give all hubs on it the same") {
		t.Errorf("the log says %q", text.String())
	}
}

// TestNoCluster: a hub says what it lacks.
func TestNoCluster(t *testing.T) {
	for _, prefix := range []string{"kith", "a.b"} {
		l, err := nats.Open(t.Context(), cluster.Config{Servers: []string{"nats://127.0.0.1:1"}, Prefix: prefix}, moderationtest.Key, nil, silent)
		if err == nil {
			l.Close()
			t.Errorf("it opens without a server, with the prefix %q", prefix)
		}
	}
}
