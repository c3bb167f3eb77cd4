package chat

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// What Update gets besides keys.
type (
	// noticeMsg is something that the node tells by itself.
	noticeMsg node.Notice
	// lostMsg: the node can't be heard.
	lostMsg struct{ err error }
	// retryMsg: it is time to look for the node again.
	retryMsg struct{}

	// openedMsg answers open.
	openedMsg struct {
		conversation node.Conversation
		status       node.ContactStatus
		page         []node.Message
		asked        int
		err          error
	}
	// newestMsg answers newest.
	newestMsg struct {
		page  []node.Message
		asked int
		err   error
	}
	// olderMsg answers older.
	olderMsg struct {
		page  []node.Message
		asked int
		err   error
	}
	// quotesMsg brings messages that others answer to and that are not loaded.
	quotesMsg []node.Message
	// lastOwnMsg answers the up key.
	lastOwnMsg struct {
		message node.Message
		err     error
	}
	// doneMsg ends an action. Lost is what the person typed, to be given back
	// to them when it failed.
	doneMsg struct {
		said string
		lost draft
		err  error
	}
	// panelMsg shows something over the history.
	panelMsg struct {
		title string
		lines []string
		err   error
	}
	// stillMsg: nothing was heard for a while of their writing, the nth time.
	stillMsg struct{ nth int }
	// markedMsg answers markRead.
	markedMsg struct{ err error }
)

// A draft is what the person is writing, and for what.
type draft struct {
	text    string
	editing kith.EventID // the message that it replaces, or zero
}

// between is how long the chat waits before it looks for a lost node again.
const between = 500 * time.Millisecond

// page is how many messages are loaded at once; most is the node's limit.
const (
	page = 50
	most = 500
)

// open loads everything that the screen shows.
func (m *Model) open() tea.Cmd {
	ctx, c, ref, asked := m.ctx, m.client, m.ref, m.history.window()
	return func() tea.Msg {
		msg := openedMsg{asked: asked}
		if msg.conversation, msg.err = c.Conversation(ctx, ref); msg.err != nil {
			return msg
		}
		msg.status = statusOf(msg.conversation)
		if with := msg.conversation.With; with != nil {
			if msg.status, msg.err = contactStatus(ctx, c, with.Account); msg.err != nil {
				return msg
			}
		}
		msg.page, msg.err = c.Log(ctx, ref, node.Page{Limit: asked})
		return msg
	}
}

// statusOf is how things stand, as far as the conversation tells.
func statusOf(c node.Conversation) node.ContactStatus {
	with := wording.With(c)
	return node.ContactStatus{Account: with.Account, Connection: with.Connection}
}

func contactStatus(ctx context.Context, c Client, account kith.AccountID) (node.ContactStatus, error) {
	all, err := c.Status(ctx)
	if err != nil {
		return node.ContactStatus{}, err
	}
	for _, s := range all.Contacts {
		if s.Account == account {
			return s, nil
		}
	}
	return node.ContactStatus{Account: account, Connection: node.Disconnected}, nil
}

// newest loads the end of the conversation again, once at a time: what happens
// meanwhile makes it load once more when the answer is there.
func (m *Model) newest() tea.Cmd {
	if m.loading {
		m.stale = true
		return nil
	}
	m.loading, m.stale = true, false
	ctx, c, ref, asked := m.ctx, m.client, m.ref, m.history.window()
	return func() tea.Msg {
		got, err := c.Log(ctx, ref, node.Page{Limit: asked})
		return newestMsg{got, asked, err}
	}
}

// older loads the page before the first message.
func (m *Model) older() tea.Cmd {
	first, ok := m.history.first()
	if !ok || !m.history.more || m.loadingOlder {
		return nil
	}
	m.loadingOlder = true
	ctx, c, ref := m.ctx, m.client, m.ref
	return func() tea.Msg {
		got, err := c.Log(ctx, ref, node.Page{Limit: page, Before: first})
		return olderMsg{got, page, err}
	}
}

// quotes loads messages that the shown ones answer to.
func (m *Model) quotes() tea.Cmd {
	missing := m.history.unquoted(page)
	if len(missing) == 0 {
		return nil
	}
	ctx, c := m.ctx, m.client
	return func() tea.Msg {
		var got quotesMsg
		for _, id := range missing {
			// One that never came here stays without its words.
			if message, err := c.Message(ctx, id.String()); err == nil {
				got = append(got, message)
			}
		}
		return got
	}
}

// do runs an action of the person's. What they typed is not lost if it fails.
func (m *Model) do(lost draft, said string, action func(context.Context, Client) error) tea.Cmd {
	ctx, c := m.ctx, m.client
	return func() tea.Msg {
		return doneMsg{said: said, lost: lost, err: action(ctx, c)}
	}
}

// retry looks for the node again in a moment.
func retry() tea.Cmd {
	return tea.Tick(between, func(time.Time) tea.Msg { return retryMsg{} })
}
