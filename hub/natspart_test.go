package hub

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kith/hubapi"
)

// Two hubs on one cluster are one meeting point and one mailbox.
func TestSideBySide(t *testing.T) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	cluster := func(c *Config) { c.NATS = NATS{Servers: []string{s.ClientURL()}, Prefix: "kith", Replicas: 1} }
	one, _ := startHub(t, t.TempDir(), cluster)
	two, _ := startHub(t, t.TempDir(), cluster)

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
