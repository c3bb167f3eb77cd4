package chat

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// styles use the terminal's own 16 colours, which its person has chosen to be
// readable on their background. Nothing is told by colour alone.
type styles struct {
	faint, mine, theirs, warning, banner, bold lipgloss.Style

	dot   map[node.Connection]lipgloss.Style
	input textarea.Styles
}

func newStyles() styles {
	plain := lipgloss.NewStyle()
	line := textarea.StyleState{Base: plain, Text: plain, CursorLine: plain, EndOfBuffer: plain,
		Placeholder: plain.Faint(true), Prompt: plain.Faint(true), Selection: plain.Reverse(true)}
	return styles{
		faint:   plain.Faint(true),
		mine:    plain.Bold(true).Foreground(lipgloss.Cyan),
		theirs:  plain.Bold(true).Foreground(lipgloss.Magenta),
		warning: plain.Bold(true).Foreground(lipgloss.Red),
		banner:  plain.Reverse(true),
		bold:    plain.Bold(true),
		dot: map[node.Connection]lipgloss.Style{
			node.Connected:    plain.Foreground(lipgloss.Green),
			node.Connecting:   plain.Foreground(lipgloss.Yellow),
			node.Blocked:      plain.Foreground(lipgloss.Color("208")),
			node.Disconnected: plain.Foreground(lipgloss.Red),
		},
		input: textarea.Styles{Focused: line, Blurred: line},
	}
}

// The smallest screen that is drawn.
const (
	minWidth  = 24
	minHeight = 8
)

// View draws the screen: who is there, what was said, how things stand, and
// what the person writes.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.ReportFocus = true
	v.MouseMode = tea.MouseModeCellMotion // else the wheel comes as the up key
	v.WindowTitle = "Kith: " + m.name()
	if m.width < minWidth || m.height < minHeight {
		v.SetContent(printable.Truncate("too small", m.width))
		return v
	}
	lines := m.header()
	if m.panel != nil {
		lines = append(lines, m.panelRows()...)
	} else {
		lines = append(lines, m.historyRows()...)
	}
	lines = append(lines, m.statusLine())
	if cursor := m.input.Cursor(); cursor != nil {
		cursor.Y += len(lines)
		v.Cursor = cursor
	}
	v.SetContent(strings.Join(lines, "\n") + "\n" + m.input.View())
	return v
}

func (m *Model) name() string { return printable.Line(m.with.Name) }

// header is who is there, and what is wrong with them.
func (m *Model) header() []string {
	s := m.status
	s.Connection = m.with.Connection
	room := m.width - 2
	name := printable.Truncate(m.name(), room/2)
	verified := ""
	if m.with.Verified != nil {
		verified = " (verified)"
	}
	said := "  " + wording.Connection(s, m.now(), m.zone)
	if waiting := wording.Waiting(s.Waiting); waiting != "" {
		said += "; " + waiting
	}
	rest := printable.Truncate(verified+said, max(0, room-printable.Width(name)))
	lines := []string{
		m.style.dot[m.with.Connection].Render(wording.Dot(m.with.Connection)) + " " + m.style.bold.Render(name) + rest,
	}
	if m.with.Warning != "" {
		for _, line := range printable.Wrap("!! "+printable.Line(m.with.Warning), m.width) {
			lines = append(lines, m.style.warning.Render(line))
		}
	}
	return append(lines, m.style.faint.Render(strings.Repeat("─", m.width)))
}

// rowsShown is the room for the history.
func (m *Model) rowsShown() int {
	return max(1, m.height-len(m.header())-1-m.input.Height())
}

func (m *Model) historyRows() []string {
	room := m.rowsShown()
	end := len(m.layout.rows) - m.scroll
	shown := m.layout.rows[max(0, end-room):max(0, end)]
	lines := make([]string, 0, room)
	for range room - len(shown) {
		lines = append(lines, "")
	}
	for _, r := range shown {
		left := strings.Repeat(" ", gutter)
		if r.head {
			left = left[:outdent]
		} else if n := m.number(r); n > 0 {
			left = m.style.bold.Render(fmt.Sprintf("%*d ", gutter-1, n))
		}
		lines = append(lines, left+r.text)
	}
	return lines
}

func (m *Model) panelRows() []string {
	room := m.rowsShown()
	lines := []string{m.style.bold.Render(printable.Truncate(m.panel.title, m.width-20)) + m.style.faint.Render("  Esc closes")}
	rows := m.panel.rows(m.width)
	rows = rows[min(m.panel.top, len(rows)):]
	lines = append(lines, rows[:min(len(rows), room-1)]...)
	for len(lines) < room {
		lines = append(lines, "")
	}
	return lines
}

// rows wraps the panel's lines.
func (p *panel) rows(width int) []string {
	var rows []string
	for _, line := range p.lines {
		rows = append(rows, printable.Wrap(line, width)...)
	}
	return rows
}

// statusLine is what matters most at the moment.
func (m *Model) statusLine() string {
	cut := func(s string) string { return printable.Truncate(s, m.width) }
	said := printable.Line(m.note.text)
	switch {
	case said != "" && m.note.bad:
		return m.style.warning.Render(cut(said))
	case m.lost:
		return m.style.banner.Render(cut(" Kith does not answer; reconnecting… What you write stays here. "))
	case said != "":
		return m.style.faint.Render(cut(said))
	case !m.editing.IsZero():
		return m.style.bold.Render(cut("Editing your message; Esc leaves it as it is"))
	case m.unseen > 0:
		return m.style.bold.Render(cut(fmt.Sprintf("↓ %d new below; PgDn, or Esc to the end", m.unseen)))
	case m.typing > 0:
		return m.style.faint.Render(cut(m.name() + " is writing…"))
	case m.scroll > 0:
		return m.style.faint.Render(cut("↓ scrolled up; Esc to the end"))
	}
	return ""
}
