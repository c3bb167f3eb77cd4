package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kith"
	hubserver "kith/hub"
	"kith/hubapi"
	"kith/meet"
	"kith/wire"
)

// runHub runs a hub on the loopback interface until the test ends, or it is
// closed.
func runHub(t *testing.T, dir string) *hubserver.Hub {
	t.Helper()
	cfg := hubserver.DefaultConfig()
	cfg.Listen, cfg.TLS.Mode, cfg.Metrics = "127.0.0.1:0", hubserver.TLSOff, ""
	cfg.NoticeKey = strings.Repeat("17", 32)
	cfg.Relay.Secret = strings.Repeat("23", 32)
	h, err := hubserver.Start(t.Context(), dir, cfg, hubserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// useHub makes a node use a hub, and waits until it is connected.
func useHub(t *testing.T, n *Node, h *hubserver.Hub) {
	t.Helper()
	if _, err := n.AddHub(t.Context(), h.URL()); err != nil {
		t.Fatal(err)
	}
	atHub(t, n, h)
}

func atHub(t *testing.T, n *Node, h *hubserver.Hub) {
	t.Helper()
	eventually(t, n, "the connection to the hub", func() error {
		list, err := n.Hubs(t.Context())
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.URL == h.URL() && v.Phase == string(hubapi.Connected) {
				return nil
			}
		}
		return fmt.Errorf("the hubs are %+v", list)
	})
}

// withoutAddresses takes out of an invitation where its giver is.
func withoutAddresses(t *testing.T, line string) string {
	t.Helper()
	inv, err := wire.ParseInvitation(line)
	if err != nil {
		t.Fatal(err)
	}
	inv.Addresses = nil
	return inv.Line()
}

// wayTo waits for a link to a contact and tells which way found it.
func wayTo(t *testing.T, n *Node, name string) (way string) {
	t.Helper()
	eventually(t, n, "a link to "+name, func() error {
		status, err := n.Status(t.Context())
		if err != nil {
			return err
		}
		for _, c := range status.Contacts {
			if c.Name == name && len(c.Links) > 0 {
				way = c.Links[0].Way
				return nil
			}
		}
		return errors.New("none")
	})
	return way
}

func TestAnInvitationMeetsAtAHub(t *testing.T) {
	h := runHub(t, t.TempDir())
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	useHub(t, ann, h)
	inv, err := ann.Invite(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Bob has no hub of his own: he goes where the invitation says.
	c, err := bob.Join(t.Context(), withoutAddresses(t, inv.Line))
	if err != nil || c.Relation != kith.Accepted {
		t.Fatalf("relation %q, %v", c.Relation, err)
	}
	if way := wayTo(t, bob, "Ann"); way != meet.WayHub && way != meet.WayLAN {
		t.Errorf("they met by the way %q", way)
	}
	send(t, bob, "Ann", "hello by the hub")
	texts(t, ann, "Bob", "hello by the hub")
}

func TestMessagesWaitAtAHub(t *testing.T) {
	h := runHub(t, t.TempDir())
	home := t.TempDir()
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, home, "Bob")
	befriend(t, ann, bob)
	useHub(t, ann, h)
	useHub(t, bob, h)
	exchanged(t, ann)
	exchanged(t, bob)
	bob.Close()

	msg := send(t, ann, "Bob", "while you sleep")
	state(t, ann, msg.ID, kith.Held)
	ann.Close()
	bob = open(t, home, "")
	texts(t, bob, "Ann", "while you sleep")
}

// exchanged waits until a node knows where to leave letters for its only
// contact.
func exchanged(t *testing.T, n *Node) {
	t.Helper()
	eventually(t, n, "what letters need", func() error {
		r, leave, err := n.enter()
		if err != nil {
			return err
		}
		defer leave()
		for _, c := range r.people.all() {
			for _, device := range c.Card.Devices {
				peer := kith.Peer{Account: c.Account, Device: device}
				r.mail.mu.Lock()
				known := r.mail.known[peer]
				ready := known != nil && len(known.drops) > 0
				r.mail.mu.Unlock()
				if bundles, err := r.store.Bundles(t.Context(), peer); err != nil || !ready || bundles == 0 {
					return fmt.Errorf("drops known: %v, prekeys: %d, %v", ready, bundles, err)
				}
			}
		}
		return nil
	})
}

func TestHubsAreOnTheCard(t *testing.T) {
	h := runHub(t, t.TempDir())
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	useHub(t, ann, h)
	atHub(t, bob, h) // where Ann can be met
	list, err := bob.Hubs(t.Context())
	if err != nil || len(list) != 1 || list[0].Own {
		t.Errorf("Bob's hubs are %+v, %v", list, err)
	}
	if err := ann.RemoveHub(t.Context(), h.URL()); err != nil {
		t.Fatal(err)
	}
	eventually(t, bob, "the end of a hub that is nobody's", func() error {
		if list, err := bob.Hubs(t.Context()); err != nil || len(list) > 0 {
			return fmt.Errorf("%+v, %v", list, err)
		}
		return nil
	})
}

func TestADeadHubDelaysNothing(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	for _, n := range []*Node{ann, bob} {
		if _, err := n.AddHub(t.Context(), "http://127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	befriend(t, ann, bob)
	send(t, ann, "Bob", "no hub needed")
	texts(t, bob, "Ann", "no hub needed")
	list, err := ann.Hubs(t.Context())
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Reason, "127.0.0.1:1") {
		t.Errorf("the hub says %+v, %v", list, err)
	}
}

func TestHubsThatCantBe(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	for _, address := range []string{"", "ftp://hub.example", "http://hub.example", "https://hub.example/path", "https://me@hub.example", "hub example"} {
		if _, err := ann.AddHub(t.Context(), address); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := ann.AddHub(t.Context(), "http://127.0.0.1:1/"); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.AddHub(t.Context(), "http://127.0.0.1:1"); kith.KindOf(err) != kith.Conflict {
		t.Errorf("twice: %v", err)
	}
	if err := ann.RemoveHub(t.Context(), "https://other.example"); kith.KindOf(err) != kith.NotFound {
		t.Errorf("an unknown one: %v", err)
	}
	for n := range kith.MaxHubs {
		_, err := ann.AddHub(t.Context(), fmt.Sprintf("http://127.0.0.1:%d", n+2))
		if full := n == kith.MaxHubs-1; full != (kith.KindOf(err) == kith.Conflict) {
			t.Errorf("hub %d: %v", n+2, err)
		}
	}
	list, err := ann.Hubs(t.Context())
	if err != nil || slices.ContainsFunc(list, func(v Hub) bool { return !v.Own }) {
		t.Errorf("%+v, %v", list, err)
	}
}

// joinMails waits for something of a node's letters about invitations.
func joinMails(t *testing.T, n *Node, what string, is func(*joinMail) bool) {
	t.Helper()
	eventually(t, n, what, func() error {
		r, leave, err := n.enter()
		if err != nil {
			return err
		}
		defer leave()
		r.joinMail.mu.Lock()
		defer r.joinMail.mu.Unlock()
		if !is(r.joinMail) {
			return errors.New("it did not come")
		}
		return nil
	})
}

// accepts waits until somebody is a contact.
func accepts(t *testing.T, n *Node, name string) {
	t.Helper()
	eventually(t, n, name+" as a contact", func() error {
		c, err := n.Contact(t.Context(), name)
		if err == nil && c.Relation != kith.Accepted {
			err = fmt.Errorf("relation %q", c.Relation)
		}
		return err
	})
}

func TestAnInvitationWorksWhileItsGiverIsAway(t *testing.T) {
	h := runHub(t, t.TempDir())
	annsHome, bobsHome := t.TempDir(), t.TempDir()
	ann, bob := open(t, annsHome, "Ann"), open(t, bobsHome, "Bob")
	useHub(t, ann, h)
	inv, err := ann.Invite(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	joinMails(t, ann, "the bundle of the invitation", func(j *joinMail) bool { return len(j.published) > 0 })
	ann.Close()

	c, err := bob.Join(t.Context(), inv.Line)
	if err != nil || c.Relation != kith.Asked {
		t.Fatalf("relation %q, %v", c.Relation, err)
	}
	joinMails(t, bob, "the letter that asks", func(j *joinMail) bool { return len(j.asked) > 0 })
	bob.Close()

	ann = open(t, annsHome, "")
	accepts(t, ann, "Bob")
	joinMails(t, ann, "the answer's letter", func(j *joinMail) bool { return j.answered > 0 })
	ann.Close()

	bob = open(t, bobsHome, "")
	accepts(t, bob, "Ann")
}

func TestOthersSendThisDeviceToNoHubOnItself(t *testing.T) {
	hs := &hubs{r: &run{opt: &Options{}}, own: []string{"http://127.0.0.1:8440"}}
	for url, may := range map[string]bool{
		"https://hub.example":      true,
		"https://hub.example:8443": true,
		"http://127.0.0.1:8440":    true, // the person's own choice
		"http://127.0.0.1:8441":    false,
		"http://localhost":         false,
		"http://hub.example":       false,
		"https://hub.example/path": false,
		"ftp://hub.example":        false,
		"":                         false,
	} {
		if got := hs.mayUse(url); got != may {
			t.Errorf("%q may be used: %v", url, got)
		}
	}
}

func TestNoticesThatTheHubDidNotSign(t *testing.T) {
	h := runHub(t, t.TempDir())
	ann := open(t, t.TempDir(), "Ann")
	useHub(t, ann, h)
	r, leave, err := ann.enter()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	used := r.hubs.list()[0]
	used.Notice(hubapi.Notice{ID: 1, At: 1, Text: "Send me your passphrase.", Signature: make([]byte, 64)})
	if views := r.hubs.views(); len(views[0].Notices) > 0 {
		t.Errorf("a forged notice is shown: %+v", views[0].Notices)
	}
	if r.dropped.snapshot()["a notice that the hub did not sign"] != 1 {
		t.Errorf("it was not counted: %v", r.dropped.snapshot())
	}
}
