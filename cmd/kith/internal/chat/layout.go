package chat

import (
	"slices"
	"time"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// A layout is the history as rows of the screen.
type layout struct {
	rows []row
	// blocks keeps the body of each message as it was last drawn; wrapping is
	// what takes time.
	blocks map[kith.EventID][]string
}

// A row is one line of the history. Rows that belong to no message, such as
// the name of a day, go with the message below them.
type row struct {
	id    kith.EventID
	head  bool // the name of a day or an author
	first bool // of the message's body; the number stands there
	text  string
}

func newLayout() layout { return layout{blocks: map[kith.EventID][]string{}} }

func (l *layout) forget(id kith.EventID) { delete(l.blocks, id) }
func (l *layout) forgetAll()             { clear(l.blocks) }

// gutter is what stands left of every row: room for a number. Headings begin
// further left than any text can, so that no message can forge one.
const (
	gutter  = 5
	outdent = 2
)

// together is how far apart two messages of one author may be to share a
// heading.
const together = 5 * time.Minute

// arrange lays the history out anew. Whoever has scrolled up goes on seeing
// the same rows.
func (m *Model) arrange() {
	id, below, held := m.anchor()
	rows := m.layout.rows[:0]
	var last node.Message
	for i, message := range m.history.list {
		day := i == 0 || !sameDay(last.Sent.In(m.zone), message.Sent.In(m.zone))
		if day {
			rows = append(rows, row{id: message.ID, head: true, text: m.day(message.Sent)})
		}
		if apart := message.Sent.Sub(last.Sent); day || last.From != message.From || apart > together || apart < -together {
			rows = append(rows, row{id: message.ID, head: true, text: m.heading(message)})
		}
		for n, line := range m.block(message) {
			rows = append(rows, row{id: message.ID, first: n == 0, text: line})
		}
		last = message
	}
	m.layout.rows = rows
	if held {
		m.hold(id, below)
	}
	m.move(0) // the rows may have become fewer
}

// anchor names the lowest row on the screen of somebody who scrolled up: its
// message, and how many rows of that lie below it.
func (m *Model) anchor() (id kith.EventID, below int, held bool) {
	rows := m.layout.rows
	at := len(rows) - 1 - m.scroll
	if m.scroll == 0 || at < 0 {
		return id, 0, false
	}
	id = rows[at].id
	for _, r := range rows[at+1:] {
		if r.id != id {
			break
		}
		below++
	}
	return id, below, true
}

// hold scrolls so that the row found by anchor is the lowest again.
func (m *Model) hold(id kith.EventID, below int) {
	for at := len(m.layout.rows) - 1; at >= 0; at-- {
		if m.layout.rows[at].id == id {
			m.scroll = len(m.layout.rows) - 1 - at + below
			return
		}
	}
}

// bottom is the lowest message on the screen.
func (m *Model) bottom() (kith.EventID, bool) {
	at := len(m.layout.rows) - 1 - m.scroll
	if at < 0 {
		return kith.EventID{}, false
	}
	return m.layout.rows[at].id, true
}

func (m *Model) day(t time.Time) string {
	return m.style.faint.Render("── " + t.In(m.zone).Format("Monday, 2 January 2006") + " ──")
}

func (m *Model) heading(message node.Message) string {
	name := m.style.theirs
	if message.Mine {
		name = m.style.mine
	}
	return name.Render(printable.Truncate(wording.Author(message), m.bodyWidth()-8)) +
		m.style.faint.Render("  "+message.Sent.In(m.zone).Format("15:04"))
}

// block is the body of a message: what it answers to, its text and marks, and
// its reactions.
func (m *Model) block(message node.Message) []string {
	if lines, ok := m.layout.blocks[message.ID]; ok {
		return lines
	}
	var lines []string
	if message.ReplyTo != nil {
		quote := "an earlier message"
		if to, ok := m.history.quote(*message.ReplyTo); ok {
			quote = wording.Quote(to, m.bodyWidth()-2)
		}
		lines = append(lines, m.style.faint.Render("│ "+quote))
	}
	text := wording.Text(message, m.now(), m.zone)
	if message.Deleted {
		text = "(deleted)"
	}
	wrapped := printable.Wrap(text, m.bodyWidth())
	if message.Deleted {
		wrapped[0] = m.style.faint.Render(wrapped[0])
	}
	lines = append(lines, wrapped...)
	if marks := marks(message); marks != "" {
		last := &lines[len(lines)-1]
		if printable.Width(*last)+2+printable.Width(marks) > m.bodyWidth() {
			lines = append(lines, m.style.faint.Render(marks))
		} else {
			*last += m.style.faint.Render("  " + marks)
		}
	}
	if reactions := wording.Reactions(message); reactions != "" {
		lines = append(lines, m.style.faint.Render(printable.Truncate(reactions, m.bodyWidth())))
	}
	m.layout.blocks[message.ID] = lines
	return lines
}

// marks are what stands behind the text.
func marks(message node.Message) string {
	var said string
	if message.Edited && !message.Deleted {
		said = "(edited)"
	}
	if message.Mine {
		if said != "" {
			said += " "
		}
		said += wording.Tick(message.State)
	}
	return said
}

// number is what stands in the gutter of a row while a command is written.
func (m *Model) number(r row) int {
	if !r.first {
		return 0
	}
	return slices.Index(m.numbers, r.id) + 1
}

// bodyWidth is the room right of the gutter; a screen narrower than that is
// not drawn.
func (m *Model) bodyWidth() int { return max(10, m.width-gutter-1) }

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }
