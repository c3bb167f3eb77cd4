package wording

import (
	"fmt"
	"strings"
	"time"

	"kith/cmd/kith/internal/printable"
	"kith/node"
)

// Text is what a message says and shares. A note of a sphere is put into words.
func Text(m node.Message, now time.Time, zone *time.Location) string {
	if m.Note != nil {
		return note(m, now, zone)
	}
	return beside(Shared(m), printable.Text(m.Text))
}

// beside puts a text beside what is shared.
func beside(shared, text string) string {
	if shared == "" || text == "" {
		return shared + text
	}
	return shared + " " + text
}

// note is the rest of a sentence that begins with who did it.
func note(m node.Message, now time.Time, zone *time.Location) string {
	who := printable.Line(m.Note.SubjectName)
	switch m.Note.Change {
	case "creation":
		return "made the sphere " + printable.Line(m.Note.Name)
	case "addition":
		return "brought " + who + " in"
	case "removal":
		return "removed " + who
	case "departure":
		return "left"
	case "promotion":
		return "made " + who + " an admin"
	case "demotion":
		return "made " + who + " a member again"
	case "handover":
		return "handed the sphere over to " + who
	case "muting":
		if m.Note.Until == nil {
			return "lets " + who + " write again"
		}
		return "muted " + who + " until " + Clock(*m.Note.Until, now, zone)
	case "description":
		return "changed the sphere: " + printable.Line(m.Note.Name)
	}
	return "changed the sphere"
}

// Sphere is one clause on how things stand with a sphere.
func Sphere(s node.Sphere, now time.Time, zone *time.Location) string {
	switch s.State {
	case "invited":
		return printable.Line(s.InvitedBy.Name) + " invites you: kith sphere join " + s.ID.String()[:8]
	case "joining":
		return "joining, as soon as " + printable.Line(s.InvitedBy.Name) + " can be reached"
	case "left":
		return "you left"
	case "removed":
		return "you were removed"
	}
	said := []string{count(len(s.Members), "member")}
	if len(s.Members) > 1 {
		said = append(said, fmt.Sprintf("%d of them connected", s.Linked))
	}
	if s.MutedUntil != nil {
		said = append(said, "you are muted until "+Clock(*s.MutedUntil, now, zone))
	}
	return strings.Join(said, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// With is the other side of a conversation, as a contact: of a sphere it has the
// name, and is connected if some member is.
func With(c node.Conversation) node.Contact {
	if c.With != nil {
		return *c.With
	}
	with := node.Contact{Conversation: c.ID, Name: c.Name, Connection: node.Disconnected}
	if c.Sphere != nil {
		with.Connection = SphereConnection(*c.Sphere)
	}
	return with
}

// SphereConnection is the one status of a sphere.
func SphereConnection(s node.Sphere) node.Connection {
	switch {
	case s.MutedUntil != nil:
		return node.Blocked
	case s.Linked > 0:
		return node.Connected
	case s.State == "joining":
		return node.Connecting
	}
	return node.Disconnected
}
