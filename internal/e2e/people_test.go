//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/api/client"
	"kith/internal/lab"
	"kith/node"
)

// soon is a bound for what should take a moment; this machine may be busy.
const soon = 30 * time.Second

// A person is a node and whose it is.
type person struct {
	*lab.Node
	name string
	api  *client.Client
}

// lives starts a node for somebody on a host.
func lives(t *testing.T, h *lab.Host, name string, conf lab.Kith) *person {
	t.Helper()
	k := h.Kith(conf)
	api, err := client.Home(k.Home())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetName(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return &person{k, name, api}
}

// invite gives an invitation line of somebody's.
func (p *person) invite(t *testing.T) string {
	t.Helper()
	return p.Run(t, "invite")
}

// befriend makes two people contacts.
func befriend(t *testing.T, giver, joiner *person) {
	t.Helper()
	joiner.Run(t, "join", giver.invite(t))
	know(t, giver, joiner, soon)
}

// know waits until two people are contacts, linked, and so.
func know(t *testing.T, a, b *person, within time.Duration) {
	t.Helper()
	lab.Eventually(t, within, func() error {
		for _, pair := range [][2]*person{{a, b}, {b, a}} {
			c, err := pair[0].api.Contact(t.Context(), pair[1].name)
			if err != nil {
				return err
			}
			if c.Relation != kith.Accepted || c.Connection != node.Connected {
				return fmt.Errorf("%s is %s and %s to %s", c.Name, c.Relation, c.Connection, pair[0].name)
			}
		}
		return nil
	})
}

// to gives how things stand with a contact, as `kith status` tells it.
func (p *person) to(t *testing.T, other *person) node.ContactStatus {
	t.Helper()
	var s node.Status
	p.JSON(t, &s, "status", "--json")
	for _, c := range s.Contacts {
		if c.Name == other.name {
			return c
		}
	}
	t.Fatalf("%s's status does not name %s", p.name, other.name)
	return node.ContactStatus{}
}

// way waits until somebody is linked to a contact, and gives the way.
func (p *person) way(t *testing.T, other *person) (way string) {
	t.Helper()
	lab.Eventually(t, soon, func() error {
		links := p.to(t, other).Links
		if len(links) != 1 {
			return fmt.Errorf("%s has %d links to %s", p.name, len(links), other.name)
		}
		way = links[0].Way
		return nil
	})
	return way
}

// unlinked waits until somebody has no link to a contact, as far as they know.
func (p *person) unlinked(t *testing.T, other *person, within time.Duration) {
	t.Helper()
	lab.Eventually(t, within, func() error {
		c, err := p.api.Contact(t.Context(), other.name)
		if err == nil && c.Connection == node.Connected {
			err = fmt.Errorf("%s sees %s connected", p.name, other.name)
		}
		return err
	})
}

// says sends a message by the command line and gives it.
func (p *person) says(t *testing.T, to *person, text string) node.Message {
	t.Helper()
	var sent []node.Message
	p.JSON(t, &sent, "send", to.name, text, "--json")
	return sent[0]
}

// is waits until a message of somebody's own is in one of the states.
func (p *person) is(t *testing.T, m node.Message, want ...kith.DeliveryState) {
	t.Helper()
	lab.Eventually(t, soon, func() error {
		now, err := p.api.Message(t.Context(), m.ID.String())
		if err == nil && !slices.Contains(want, now.State) {
			err = fmt.Errorf("%s's %q is %s, want %v", p.name, m.Text, now.State, want)
		}
		return err
	})
}

// hears waits until a text is the last one in a conversation.
func (p *person) hears(t *testing.T, from *person, text string, within time.Duration) {
	t.Helper()
	lab.Eventually(t, within, func() error {
		last, err := p.api.Log(t.Context(), from.name, node.Page{Limit: 1})
		if err == nil && (len(last) == 0 || last[0].Text != text) {
			err = fmt.Errorf("%s has not heard %q from %s", p.name, text, from.name)
		}
		return err
	})
}

// talk lets two people say something to each other, and waits for the marks.
func talk(t *testing.T, a, b *person, about string) {
	t.Helper()
	for _, pair := range [][2]*person{{a, b}, {b, a}} {
		text := fmt.Sprintf("%s, says %s", about, pair[0].name)
		m := pair[0].says(t, pair[1], text)
		pair[1].hears(t, pair[0], text, soon)
		pair[0].is(t, m, kith.Delivered)
	}
}

// firstLine is what a command printed to be pasted.
func firstLine(out string) string {
	line, _, _ := strings.Cut(out, "\n")
	return line
}

// pause lets time pass, where passing time is what is tested.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
