package hub

import (
	"testing"

	"kith/hubapi"
)

func TestMeeting(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Meet.TagsPerDevice, c.Meet.DevicesPerTag = 3, 2 })
	one, two := hubapi.Tag{1}, hubapi.Tag{2}
	ann, bob := greet(t, h, 1), greet(t, h, 2)
	ann.send(&hubapi.Listen{Add: []hubapi.Tag{one, two}})
	ann.send(&hubapi.Note{Number: 7, Tag: one, Body: []byte("nobody hears this")})
	if sent := expect[hubapi.Sent](ann); sent.Number != 7 || sent.Heard != 0 {
		t.Errorf("said to nobody: %+v", sent)
	}
	bob.send(&hubapi.Listen{Add: []hubapi.Tag{one}})
	for _, r := range []*raw{ann, bob} {
		if p := expect[hubapi.Present](r); p.Tag != one {
			t.Errorf("present under %x", p.Tag)
		}
	}
	ann.send(&hubapi.Note{Number: 8, Tag: one, Body: []byte("an offer")})
	if sent := expect[hubapi.Sent](ann); sent.Number != 8 || sent.Heard != 1 {
		t.Errorf("said to Bob: %+v", sent)
	}
	if n := expect[hubapi.Note](bob); n.Number != 0 || n.Tag != one || string(n.Body) != "an offer" {
		t.Errorf("Bob heard %+v", n)
	}

	carol := greet(t, h, 3)
	carol.send(&hubapi.Listen{Add: []hubapi.Tag{one}})
	if r := expect[hubapi.Refused](carol); string(r.Name) != string(one[:]) || r.Text == "" {
		t.Errorf("a third under a tag for two: %+v", r)
	}
	carol.send(&hubapi.Listen{Add: []hubapi.Tag{{3}, {4}, {5}, {6}}})
	if r := expect[hubapi.Refused](carol); r.Name[0] != 6 {
		t.Errorf("a fourth tag of three: %+v", r)
	}
	carol.send(&hubapi.Listen{Remove: []hubapi.Tag{{3}, {9}}, Add: []hubapi.Tag{{6}}})
	carol.sync()

	// Who is gone is not told of.
	ann.ws.Close()
	eventually(t, "Ann listens no more", func() bool { return h.exchange.Tags() == 4 })
	carol.send(&hubapi.Listen{Remove: []hubapi.Tag{{4}}, Add: []hubapi.Tag{one}})
	if p := expect[hubapi.Present](carol); p.Tag != one {
		t.Errorf("present under %x", p.Tag)
	}
	expect[hubapi.Present](bob)
}

func TestPartsThatAreOff(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Meet.On, c.Mailbox.On = false, false })
	r := dial(t, h, keyNumber(1))
	r.hello(0)
	if w := expect[hubapi.Welcome](r); len(w.Parts) != 0 {
		t.Errorf("parts %v", w.Parts)
	}
	key := keyNumber(3)
	for _, f := range []hubapi.Frame{
		&hubapi.Listen{Add: []hubapi.Tag{{1}}}, &hubapi.Note{Tag: hubapi.Tag{1}}, &hubapi.Publish{Body: []byte("x")},
		&hubapi.OpenBox{Boxes: []hubapi.Box{r.box(key, hubapi.Hash{})}}, &hubapi.Taken{Box: hubapi.KeyOf(key)},
	} {
		r.send(f)
		if refused := expect[hubapi.Refused](r); refused.Of != hubapi.KindOf(f) || refused.Text == "" {
			t.Errorf("%T: %+v", f, refused)
		}
	}
	r.send(&hubapi.AskRelay{})
	if relay := expect[hubapi.Relay](r); len(relay.URLs) != 0 {
		t.Errorf("a relay where there is none: %+v", relay)
	}
	if status, _, _ := post(t, h, hubapi.KeyOf(key), hubapi.Hash{}, "x"); status != 404 {
		t.Errorf("leaving without a mailbox: %d", status)
	}
	if status, _, _ := request(t, "GET", h.URL()+hubapi.PathHealth, "", ""); status != 200 {
		t.Errorf("health: %d", status)
	}
}
