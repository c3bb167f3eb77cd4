package chat

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// typingLapse is how long somebody is shown as writing without a word of it: a
// little more than the lapse that the protocol sets.
const typingLapse = 11 * time.Second

// notice takes what the node tells by itself.
func (m *Model) notice(n node.Notice) tea.Cmd {
	if m.lost { // what was missed has to be loaded
		return m.open()
	}
	switch {
	case n.Type == "reset":
		return m.open()
	case n.Message != nil && n.Message.Conversation == m.conversation:
		if n.Type == "transfer" && m.history.index(n.Message.ID) < 0 {
			return nil // of a file further up, and nothing new
		}
		return m.changed(*n.Message)
	case n.Conversation != nil && *n.Conversation == m.conversation:
		m.layout.forgetAll()
		return m.newest()
	case n.Sphere != nil && n.Sphere.ID == m.conversation:
		m.with.Name, m.with.Connection = n.Sphere.Name, wording.SphereConnection(*n.Sphere)
	case n.Contact != nil && n.Contact.Account == m.with.Account:
		m.with = *n.Contact
		m.layout.forgetAll() // their name may be another
		return m.newest()
	case n.Status != nil && n.Status.Account == m.with.Account:
		m.status = *n.Status
		m.with.Connection = n.Status.Connection
		if n.Status.Connection != node.Connected {
			m.typing = 0
		}
	case n.Typing != nil && n.Typing.Conversation == m.conversation:
		return m.writes(n.Typing.Active)
	}
	return nil
}

// changed shows a message's new form, or finds the place of a new one.
func (m *Model) changed(message node.Message) tea.Cmd {
	if m.history.replace(message) {
		m.layout.forget(message.ID)
		for _, other := range m.history.list {
			if other.ReplyTo != nil && *other.ReplyTo == message.ID {
				m.layout.forget(other.ID) // it quotes the message
			}
		}
		return nil
	}
	if !message.Mine {
		m.typing = 0
		if m.scroll > 0 {
			m.unseen++
		}
	}
	return m.newest()
}

func (m *Model) writes(active bool) tea.Cmd {
	if !active {
		m.typing = 0
		return nil
	}
	m.typing++
	nth := m.typing
	return tea.Tick(typingLapse, func(time.Time) tea.Msg { return stillMsg{nth} })
}

// lose notes that the node can't be heard and looks for it.
func (m *Model) lose(err error) tea.Cmd {
	if kith.KindOf(err) != kith.Unreachable {
		return m.failed(err)
	}
	if m.lost {
		return nil
	}
	m.lost, m.typing = true, 0
	return retry()
}

// opened shows what was loaded: at the start, and after the node was lost.
func (m *Model) opened(msg openedMsg) tea.Cmd {
	if msg.err != nil {
		if kith.KindOf(msg.err) == kith.Unreachable {
			m.lost = true
			return retry()
		}
		return m.failed(msg.err)
	}
	if m.lost {
		m.lost, m.note = false, note{}
		m.marked = kith.EventID{} // what was told last may not have come through
	}
	m.with, m.status = wording.With(msg.conversation), msg.status
	m.typing = 0
	if msg.conversation.Typing {
		m.typing = 1
	}
	m.history.end(msg.page, msg.asked)
	m.layout.forgetAll()
	return m.quotes()
}

// loaded takes the end of the conversation.
func (m *Model) loaded(msg newestMsg) tea.Cmd {
	m.loading = false
	if msg.err != nil {
		return m.failed(msg.err)
	}
	m.history.end(msg.page, msg.asked)
	for _, message := range msg.page {
		m.layout.forget(message.ID)
	}
	if m.stale {
		return tea.Batch(m.newest(), m.quotes())
	}
	return m.quotes()
}

// markRead tells that what is on the screen was read.
func (m *Model) markRead() tea.Cmd {
	if !m.focused || m.lost || m.panel != nil {
		return nil
	}
	id, ok := m.lastSeen()
	if !ok || id == m.marked || m.history.index(id) < m.history.index(m.marked) {
		return nil
	}
	m.marked = id
	ctx, c, ref := m.ctx, m.client, m.ref
	return func() tea.Msg { return markedMsg{c.MarkRead(ctx, ref, id)} }
}

// lastSeen is the last message of theirs that is on the screen or above it.
func (m *Model) lastSeen() (kith.EventID, bool) {
	shown, ok := m.bottom()
	if !ok {
		return kith.EventID{}, false
	}
	for i := m.history.index(shown); i >= 0; i-- {
		if !m.history.list[i].Mine {
			return m.history.list[i].ID, true
		}
	}
	return kith.EventID{}, false
}

// reach loads what lies before the history when its start comes in sight.
func (m *Model) reach() tea.Cmd {
	if m.lost || m.panel != nil || len(m.layout.rows)-m.scroll > m.rowsShown() {
		return nil
	}
	return m.older()
}
