package chat

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
)

// press obeys a key.
func (m *Model) press(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.panel != nil {
		switch name {
		case "pgup", "pgdown", "up", "down":
			m.turn(name)
			return nil
		}
		m.panel = nil
		if name == "esc" || name == "enter" || name == "q" {
			return nil
		}
	}
	switch name {
	case "pgup":
		m.move(m.rowsShown() - 1)
		return nil
	case "pgdown":
		m.move(1 - m.rowsShown())
		return nil
	case "ctrl+d":
		if m.input.Value() == "" {
			return tea.Quit
		}
	case "esc":
		m.leave()
		return nil
	case "enter":
		return m.submit()
	case "up":
		if m.input.Value() == "" && m.editing.IsZero() {
			return m.lastOwn()
		}
	}
	m.note = note{}
	return m.write(k)
}

// write lets the input have a key or what was pasted.
func (m *Model) write(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	return tea.Batch(cmd, m.written())
}

// written follows a change of the input: it numbers the messages when a
// command begins, and tells the other that the person writes.
func (m *Model) written() tea.Cmd {
	text := m.input.Value()
	switch {
	case !numbered(text) || !m.editing.IsZero():
		m.numbers = nil
	case m.numbers == nil:
		// They stay as they are while the command is written, whatever comes.
		m.numbers = count(m.history.list)
	}
	return m.tellTyping(text != "" && !numbered(text))
}

// again is how often the other is told anew that the person still writes.
const again = 5 * time.Second

func (m *Model) tellTyping(active bool) tea.Cmd {
	now := m.now()
	switch {
	case m.lost, !active && m.told.IsZero(), active && !m.told.IsZero() && now.Sub(m.told) < again:
		return nil
	case active:
		m.told = now
	default:
		m.told = time.Time{}
	}
	ctx, c, ref := m.ctx, m.client, m.ref
	return func() tea.Msg {
		c.SetTyping(ctx, ref, active) // a courtesy: it may fail unheard
		return nil
	}
}

// leave ends, one after another, what can be left.
func (m *Model) leave() {
	m.note = note{}
	switch {
	case !m.editing.IsZero():
		m.editing = kith.EventID{}
		m.clear()
	case numbered(m.input.Value()):
		m.clear()
	default:
		m.scroll, m.unseen = 0, 0
	}
}

func (m *Model) clear() {
	m.input.Reset()
	m.numbers = nil
}

// lastOwn fetches the person's last message to be edited.
func (m *Model) lastOwn() tea.Cmd {
	ctx, c, ref := m.ctx, m.client, m.ref
	return func() tea.Msg {
		message, err := c.LastOwn(ctx, ref)
		return lastOwnMsg{message, err}
	}
}

func (m *Model) beginEdit(msg lastOwnMsg) tea.Cmd {
	switch {
	case kith.KindOf(msg.err) == kith.NotFound && msg.err != nil:
		m.note = note{text: "You have not written anything here that could be edited."}
	case msg.err != nil:
		return m.failed(msg.err)
	case m.input.Value() == "": // else the person went on writing
		m.editing = msg.message.ID
		m.input.SetValue(msg.message.Text)
	}
	return nil
}

// submit does what the input says.
func (m *Model) submit() tea.Cmd {
	text := strings.TrimSpace(m.input.Value())
	d := draft{text: text, editing: m.editing}
	switch {
	case text == "" && !m.editing.IsZero():
		m.note = note{text: "An empty text can't be sent; /delete takes a message back.", bad: true}
		return nil
	case text == "":
		return nil
	case len(text) > kith.MaxText:
		m.note = note{text: "This is too long for one message: 64 kB are the most.", bad: true}
		return nil
	}
	var c command = editCommand{m.editing.String(), text}
	if m.editing.IsZero() {
		var err error
		if c, err = parse(text, m.duration); err != nil {
			return m.failed(err)
		}
	}
	if m.lost && asksNode(c) {
		m.note = note{text: "Kith does not answer; what you wrote stays here.", bad: true}
		return nil
	}
	m.note = note{}
	return m.run(c, d)
}

// done ends an action. What was typed for one that failed comes back, in front
// of what was typed since.
func (m *Model) done(msg doneMsg) tea.Cmd {
	if msg.err == nil {
		m.note = note{text: msg.said}
		return m.newest()
	}
	if msg.lost.text != "" {
		if now := m.input.Value(); now != "" {
			msg.lost.text += "\n" + now
		}
		m.input.SetValue(msg.lost.text)
		m.editing = msg.lost.editing
		m.written()
	}
	return m.failed(msg.err)
}

// move scrolls up by rows, or down if they are negative.
func (m *Model) move(rows int) {
	m.scroll = max(0, min(m.scroll+rows, len(m.layout.rows)-m.rowsShown()))
	if m.scroll == 0 {
		m.unseen = 0
	}
}

// turn scrolls the panel.
func (m *Model) turn(key string) {
	step := map[string]int{"pgup": 1 - m.rowsShown(), "pgdown": m.rowsShown() - 1, "up": -1, "down": 1}[key]
	m.panel.top = max(0, min(m.panel.top+step, len(m.panel.rows(m.width))+1-m.rowsShown()))
}

func (m *Model) wheel(button tea.MouseButton) {
	const rows = 3
	switch {
	case m.panel != nil && button == tea.MouseWheelUp:
		m.turn("up")
	case m.panel != nil && button == tea.MouseWheelDown:
		m.turn("down")
	case button == tea.MouseWheelUp:
		m.move(rows)
	case button == tea.MouseWheelDown:
		m.move(-rows)
	}
}

// act runs an action for the draft and empties the input.
func (m *Model) act(d draft, said string, action func(context.Context, Client) error) tea.Cmd {
	m.clear()
	m.editing = kith.EventID{}
	m.scroll, m.unseen = 0, 0
	return tea.Batch(m.tellTyping(false), m.do(d, said, action))
}
