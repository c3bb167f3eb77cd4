package hub

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hub/cluster/clustertest"
	"kith/hubapi"
)

// onOneServer starts two hubs on a NATS server.
func onOneServer(t *testing.T) (one, two *Hub, dirs [2]string) {
	t.Helper()
	s := clustertest.Serve(t, clustertest.Options(t.TempDir()))
	cluster := func(c *Config) { c.NATS = NATS{Servers: []string{s.ClientURL()}, Prefix: "kith", Replicas: 1} }
	dirs = [2]string{t.TempDir(), t.TempDir()}
	one, _ = startHub(t, dirs[0], cluster)
	two, _ = startHub(t, dirs[1], cluster)
	return one, two, dirs
}

// Two hubs on one cluster are one meeting point and one mailbox.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	one, two, _ := onOneServer(t)
	tag := hubapi.Tag{1}
	ann, bob := greet(t, one, 1), greet(t, two, 2)
	ann.send(&hubapi.Listen{Add: []hubapi.Tag{tag}})
	ann.sync()
	bob.send(&hubapi.Listen{Add: []hubapi.Tag{tag}})
	expect[hubapi.Present](ann)
	expect[hubapi.Present](bob)
	ann.send(&hubapi.Note{Number: 1, Tag: tag, Body: []byte("an offer")})
	if n := expect[hubapi.Note](bob); string(n.Body) != "an offer" {
		t.Errorf("Bob heard %q", n.Body)
	}
	if sent := expect[hubapi.Sent](ann); sent.Heard != 1 {
		t.Errorf("heard by %d", sent.Heard)
	}

	box, token := keyNumber(9), hubapi.Hash{1}
	ann.open(box, token)
	mustPost(t, two, hubapi.KeyOf(box), token, "through the other hub")
	m := expect[hubapi.Mail](ann)
	if string(m.Body) != "through the other hub" {
		t.Errorf("mail is %q", m.Body)
	}
	ann.send(&hubapi.Taken{Box: m.Box, IDs: []uint64{m.ID}})
	ann.sync()
	ann.ws.Close()
	again := greet(t, two, 1)
	if waiting := again.open(box, token); waiting != 0 {
		t.Errorf("%d envelopes wait", waiting)
	}
	again.send(&hubapi.Publish{Name: hubapi.Hash{5}, Body: []byte("bundle"), Until: time.Now().Add(time.Hour).UnixMilli()})
	expect[hubapi.Published](again)
	if status, _, body := request(t, "GET", one.URL()+hubapi.PathBundle+hubapi.EncodeName(hubapi.Hash{5}), "", ""); status != 200 || body != "bundle" {
		t.Errorf("the other hub gives %d %q", status, body)
	}
}

// What the moderator of one hub says and does holds on the other: for devices
// that are there at once, and for those that come.
func TestModeratedSideBySide(t *testing.T) {
	t.Parallel()
	one, two, dirs := onOneServer(t)
	ann, bob := greet(t, one, 1), greet(t, two, 2)
	moderators := [2]*Admin{NewAdmin(dirs[0]), NewAdmin(dirs[1])}
	name := hubapi.KeyOf(bob.key).String()
	for i, to := range []string{"", name} {
		if n, err := moderators[i].Notify(t.Context(), to, "hello"); err != nil || n.ID != uint64(i+1) {
			t.Fatalf("%+v, %v", n, err)
		}
	}
	if n := expect[hubapi.Notice](ann); n.ID != 1 {
		t.Errorf("Ann heard notice %d", n.ID)
	}
	for id := range uint64(2) {
		n := expect[hubapi.Notice](bob)
		if err := hubapi.CheckNotice(n, one.NoticeKey(), hubapi.KeyOf(bob.key)); err != nil || n.ID != id+1 {
			t.Errorf("Bob heard notice %d, %v", n.ID, err)
		}
	}
	ann.sync() // and nothing else

	// Bob is on the second hub; he is named in full, as the first never saw him.
	d, err := moderators[0].Block(t.Context(), name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if b := expect[hubapi.Blocked](bob); !hubapi.Time(b.Until).Equal(*d.BlockedUntil) {
		t.Errorf("%+v", b)
	}
	if code := bob.ends(); code != websocket.ClosePolicyViolation {
		t.Errorf("it ends with %d", code)
	}
	for _, h := range []*Hub{one, two} {
		r := dial(t, h, bob.key)
		r.hello(0)
		expect[hubapi.Blocked](r)
		r.ends()
	}
	// The second hub's moderator sees the block, and ends it.
	if _, err := moderators[1].Unblock(t.Context(), name[:8]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the block ended on the first hub", func() bool {
		_, err := moderators[0].Unblock(t.Context(), name)
		return kith.KindOf(err) == kith.NotFound
	})
	greet := dial(t, one, bob.key)
	greet.hello(1)
	expect[hubapi.Welcome](greet)
	if n := expect[hubapi.Notice](greet); n.ID != 2 {
		t.Errorf("Bob missed notice %d", n.ID)
	}
}
