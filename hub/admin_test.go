package hub

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hubapi"
)

func TestNotices(t *testing.T) {
	dir := t.TempDir()
	h, _ := startHub(t, dir)
	admin := NewAdmin(dir)
	ann, bob := greet(t, h, 1), greet(t, h, 2)
	check := func(r *raw, want string) {
		t.Helper()
		n := expect[hubapi.Notice](r)
		if err := hubapi.CheckNotice(n, h.NoticeKey(), hubapi.KeyOf(r.key)); err != nil {
			t.Error(err)
		}
		if n.Text != want {
			t.Errorf("notice %q, want %q", n.Text, want)
		}
	}
	if n, err := admin.Notify(t.Context(), "", "Maintenance at noon."); err != nil || n.ID != 1 {
		t.Fatalf("%+v, %v", n, err)
	}
	check(ann, "Maintenance at noon.")
	check(bob, "Maintenance at noon.")
	short := hubapi.KeyOf(ann.key).Short()
	if n, err := admin.Notify(t.Context(), short, "Dear Ann."); err != nil || n.To != short {
		t.Fatalf("%+v, %v", n, err)
	}
	check(ann, "Dear Ann.")
	bob.sync()

	// Who was away hears what they missed, and only that.
	for _, c := range []struct {
		who   byte
		since uint64
		want  string
	}{{1, 0, "Maintenance at noon./Dear Ann."}, {1, 1, "Dear Ann."}, {2, 0, "Maintenance at noon."}, {3, 0, "Maintenance at noon."}, {3, 2, ""}} {
		r := dial(t, h, keyNumber(c.who))
		r.hello(c.since)
		expect[hubapi.Welcome](r)
		if c.want != "" {
			for text := range strings.SplitSeq(c.want, "/") {
				check(r, text)
			}
		}
		r.sync()
	}
	list, err := admin.Notices(t.Context())
	if err != nil || len(list) != 2 || list[0].To != "" || list[1].Text != "Dear Ann." {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := admin.Notify(t.Context(), "", " "); kith.KindOf(err) != kith.Invalid {
		t.Errorf("an empty notice: %v", err)
	}
	if _, err := admin.Notify(t.Context(), "zzzzzz", "x"); kith.KindOf(err) != kith.NotFound {
		t.Errorf("a notice to nobody: %v", err)
	}
}

// Who comes after a long time hears the latest, and is not cut off.
func TestManyNotices(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	for range maxMissed + 5 {
		if _, err := h.rules.Notify(t.Context(), nil, strings.Repeat("x", hubapi.MaxText), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	r := greet(t, h, 1)
	for n := range maxMissed {
		if got := expect[hubapi.Notice](r); got.ID != uint64(n+6) {
			t.Fatalf("notice %d is number %d", n, got.ID)
		}
	}
	r.sync()
}

func TestBlock(t *testing.T) {
	dir := t.TempDir()
	h, _ := startHub(t, dir)
	admin := NewAdmin(dir)
	ann, bob := greet(t, h, 1), greet(t, h, 2)
	name := hubapi.KeyOf(ann.key).String()
	d, err := admin.Block(t.Context(), name[:16], time.Hour)
	if err != nil || d.BlockedUntil == nil || time.Until(*d.BlockedUntil) > time.Hour {
		t.Fatalf("%+v, %v", d, err)
	}
	if b := expect[hubapi.Blocked](ann); !hubapi.Time(b.Until).Equal(*d.BlockedUntil) || b.Text == "" {
		t.Errorf("%+v", b)
	}
	if code := ann.ends(); code != websocket.ClosePolicyViolation {
		t.Errorf("it ends with %d", code)
	}
	bob.sync()
	r := dial(t, h, ann.key)
	r.hello(0)
	if b := expect[hubapi.Blocked](r); !hubapi.Time(b.Until).Equal(*d.BlockedUntil) {
		t.Errorf("%+v", b)
	}
	r.ends()
	eventually(t, "Ann has left", func() bool { return h.devices.count() == 1 })
	list, err := admin.Devices(t.Context())
	if err != nil || len(list) != 2 || !list[0].Connected || list[0].BlockedUntil != nil || list[1].ID != name || list[1].BlockedUntil == nil {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := admin.Unblock(t.Context(), name[:8]); err != nil {
		t.Fatal(err)
	}
	greet(t, h, 1).sync()
	for _, c := range []struct {
		device string
		length time.Duration
		want   kith.ErrorKind
	}{{name, time.Minute, kith.Invalid}, {name, 25 * time.Hour, kith.Invalid}, {name, 0, kith.Invalid}, {"abc", time.Hour, kith.Invalid}, {"zzzzzz", time.Hour, kith.NotFound}} {
		if _, err := admin.Block(t.Context(), c.device, c.length); kith.KindOf(err) != c.want || err == nil {
			t.Errorf("%s for %v: %v", c.device, c.length, err)
		}
	}
	if _, err := admin.Unblock(t.Context(), name); kith.KindOf(err) != kith.NotFound {
		t.Errorf("ending a block that is not: %v", err)
	}
}

// One that just left can be named by its beginning, and one that never came by
// all of its name.
func TestBlockOfWhoIsAway(t *testing.T) {
	dir := t.TempDir()
	h, _ := startHub(t, dir)
	admin := NewAdmin(dir)
	ann := greet(t, h, 1)
	ann.ws.Close()
	eventually(t, "Ann has left", func() bool { return h.devices.count() == 0 })
	for _, name := range []string{hubapi.KeyOf(ann.key).Short(), hubapi.KeyOf(keyNumber(7)).String()} {
		if d, err := admin.Block(t.Context(), name, time.Hour); err != nil || d.Connected {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

func TestAdminWithoutHub(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewAdmin(dir).Devices(context.Background()); kith.KindOf(err) != kith.NotFound {
		t.Errorf("no hub there: %v", err)
	}
	if _, err := Init(dir, "", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := NewAdmin(dir).Devices(context.Background()); kith.KindOf(err) != kith.Unreachable || !strings.Contains(err.Error(), "start it with kith hub run") {
		t.Errorf("no hub runs: %v", err)
	}
}
