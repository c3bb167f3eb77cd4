package chat

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
)

// found is how many messages /search shows.
const found = 50

// run does what a command asks for. d is the line as it was typed.
func (m *Model) run(c command, d draft) tea.Cmd {
	switch c := c.(type) {
	case sayCommand:
		ref := m.ref
		return m.act(d, "", func(ctx context.Context, n Client) error {
			_, err := n.Send(ctx, []string{ref}, c.text, kith.EventID{})
			return err
		})
	case replyCommand:
		return m.reply(c, d)
	case editCommand:
		return m.onMessage(c.target, d, "Edited.", func(ctx context.Context, n Client, id string) error {
			_, err := n.Edit(ctx, id, c.text)
			return err
		})
	case reactCommand:
		return m.onMessage(c.target, d, "", func(ctx context.Context, n Client, id string) error {
			_, err := n.React(ctx, id, c.emoji)
			return err
		})
	case deleteCommand:
		return m.onMessage(c.target, d, "Deleted.", func(ctx context.Context, n Client, id string) error {
			_, err := n.Delete(ctx, id)
			return err
		})
	case blockCommand:
		return m.keepOut(c, d)
	case retryCommand:
		ref := m.ref
		return m.act(d, "Trying.", func(ctx context.Context, n Client) error { return n.Retry(ctx, ref) })
	case searchCommand:
		return m.search(c.words)
	case statusCommand:
		m.clear()
		m.panel = &panel{title: "How you are connected", lines: m.statusLines()}
	case helpCommand:
		m.clear()
		m.panel = &panel{title: "Help", lines: helpLines()}
	case quitCommand:
		return tea.Quit
	}
	return nil
}

// onMessage runs an action on the message that a command names.
func (m *Model) onMessage(name string, d draft, said string, action func(context.Context, Client, string) error) tea.Cmd {
	id, err := m.target(name)
	if err != nil {
		return m.failed(err)
	}
	return m.act(d, said, func(ctx context.Context, n Client) error { return action(ctx, n, id) })
}

func (m *Model) reply(c replyCommand, d draft) tea.Cmd {
	ref, conversation := m.ref, m.conversation
	return m.onMessage(c.target, d, "", func(ctx context.Context, n Client, id string) error {
		to, err := n.Message(ctx, id)
		if err != nil {
			return err
		}
		if to.Conversation != conversation {
			return kith.Errorf(kith.Invalid, "message %s is of another conversation", to.ID.String()[:8])
		}
		_, err = n.Send(ctx, []string{ref}, c.text, to.ID)
		return err
	})
}

func (m *Model) keepOut(c blockCommand, d draft) tea.Cmd {
	ref := m.ref
	if c.lift {
		return m.act(d, "They are no longer blocked.", func(ctx context.Context, n Client) error {
			_, err := n.Unblock(ctx, ref)
			return err
		})
	}
	return m.act(d, "Blocked; /unblock ends it.", func(ctx context.Context, n Client) error {
		_, err := n.Block(ctx, ref, c.length)
		return err
	})
}

func (m *Model) search(words string) tea.Cmd {
	m.clear()
	ctx, c, ref, zone, now := m.ctx, m.client, m.ref, m.zone, m.now()
	return func() tea.Msg {
		list, err := c.Search(ctx, words, ref, found)
		msg := panelMsg{title: "Found: " + printable.Line(words), err: err}
		for _, one := range list {
			msg.lines = append(msg.lines, one.ID.String()[:8]+"  "+
				printable.Pad(wording.Clock(one.Sent, now, zone), len("2006-01-02 15:04"))+"  "+wording.Quote(one, 500))
		}
		if len(list) == 0 {
			msg.lines = []string{"Nothing. All words have to be in a message of this conversation."}
		} else {
			msg.lines = append(msg.lines, "", "What stands in front is an ID, as /reply and others take it.")
		}
		return msg
	}
}

func (m *Model) statusLines() []string {
	s := m.status
	lines := []string{wording.Dot(s.Connection) + " " + wording.Connection(s, m.now(), m.zone)}
	if waiting := wording.Waiting(s.Waiting); waiting != "" {
		lines = append(lines, waiting)
	}
	for _, l := range s.Links {
		lines = append(lines, "  "+printable.Line(l.Way+" "+l.Path+"  "+l.Local+" – "+l.Remote)+"  "+wording.RTT(l.RTT))
	}
	for _, w := range s.Ways {
		lines = append(lines, "  "+wording.Way(w))
	}
	return lines
}

func helpLines() []string {
	var lines []string
	for _, u := range usage {
		lines = append(lines, printable.Pad(u.form, 16)+u.does)
	}
	lines = append(lines, "",
		"N is the number beside a message while you write a command,",
		"or the start of its ID. // sends a text that begins with /.", "",
		printable.Pad("Enter", 16)+"send",
		printable.Pad("Alt+Enter", 16)+"new line; also Ctrl+J",
		printable.Pad("Up", 16)+"edit your last message; Esc leaves",
		printable.Pad("PgUp, PgDn", 16)+"scroll, as the wheel; Shift+drag selects",
		"")
	return append(lines, wording.Legend()...)
}
