package main

import (
	"fmt"
	"strings"
	"time"

	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// The colours of a terminal that commands use.
const (
	red    = 31
	green  = 32
	yellow = 33
	bold   = 1
	faint  = 2
)

const (
	stampLayout = "2006-01-02 15:04"
	shortID     = 8
)

// stamp is a local date and time, of the same width always.
func (e *env) stamp(t time.Time) string { return t.In(e.zone).Format(stampLayout) }

// table prints rows with their columns aligned. What is in them is safe
// already, and may be coloured.
func (e *env) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], printable.Width(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(printable.Pad(cell, widths[i]) + "  ")
		}
		e.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}

// name is what a contact is called, safe and not endless.
func name(s string) string { return printable.Truncate(printable.Line(s), 40) }

// dot is the sign of a connection in its colour.
func (e *env) dot(c node.Connection) string {
	colour := map[node.Connection]int{node.Connected: green, node.Connecting: yellow, node.Blocked: yellow}[c]
	if colour == 0 {
		colour = red
	}
	return e.colour(colour, wording.Dot(c))
}

// warn prints a contact's warning, loudly.
func (e *env) warn(c node.Contact) {
	if c.Warning != "" {
		e.tell("!! %s: %s\n", name(c.Name), printable.Line(c.Warning))
	}
}

// printMessages prints messages as lines:
//
//	2026-03-04 09:01  abcdefgh  ✓✓ You: see you at eight  (edited)
//
// Further lines of a text are indented, so that none can pose as a message.
func (e *env) printMessages(list []node.Message) {
	width := 0
	for _, m := range list {
		width = max(width, min(printable.Width(wording.Author(m)), 20))
	}
	for _, m := range list {
		e.printMessage(m, width)
	}
}

func (e *env) printMessage(m node.Message, width int) {
	tick := "  "
	if m.Mine && m.Note == nil {
		tick = printable.Pad(wording.Tick(m.State), 2)
	}
	author := printable.Truncate(wording.Author(m), 20)
	head := fmt.Sprintf("%s  %s  %s %s: ", e.stamp(m.Sent), m.ID.String()[:shortID], tick, author)
	text := wording.Text(m, e.now(), e.zone)
	if m.Deleted {
		text = "(deleted)"
	}
	var more []string
	if m.ReplyTo != nil {
		more = append(more, "(answers "+m.ReplyTo.String()[:shortID]+")")
	}
	if m.Edited && !m.Deleted {
		more = append(more, "(edited)")
	}
	if r := wording.Reactions(m); r != "" {
		more = append(more, "["+r+"]")
	}
	gap := strings.Repeat(" ", max(0, width-printable.Width(author)))
	indent := strings.Repeat(" ", printable.Width(head)+len(gap))
	text = strings.ReplaceAll(text, "\n", "\n"+indent)
	if len(more) > 0 {
		text += "  " + e.colour(faint, strings.Join(more, " "))
	}
	e.printf("%s%s%s\n", head, gap, text)
}

// relation is what is to be said of a contact besides its connection.
func relation(c node.Contact, now time.Time, zone *time.Location) string {
	var said []string
	switch c.Relation {
	case "asked":
		said = append(said, "has not answered yet")
	case "asking":
		said = append(said, "asks to become a contact")
	case "removed":
		said = append(said, "removed")
	}
	if c.Verified != nil {
		said = append(said, "verified")
	}
	switch {
	case c.Blocked && c.BlockedUntil != nil:
		said = append(said, "blocked until "+wording.Clock(*c.BlockedUntil, now, zone))
	case c.Blocked:
		said = append(said, "blocked")
	}
	if c.Petname != "" && c.OwnName != "" && c.Petname != c.OwnName {
		said = append(said, "calls themselves "+name(c.OwnName))
	}
	if c.LastSeen != nil && c.Connection != node.Connected {
		said = append(said, "last seen "+wording.Clock(*c.LastSeen, now, zone))
	}
	return strings.Join(said, ", ")
}
