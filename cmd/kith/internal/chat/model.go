package chat

import (
	"context"
	"time"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// A Model is the state of the chat. Only Update changes it, in the one
// goroutine of Bubble Tea.
type Model struct {
	ctx      context.Context
	client   Client
	ref      string // the account: a petname may change meanwhile
	now      func() time.Time
	zone     *time.Location
	duration func(string) (time.Duration, error)
	style    styles

	conversation kith.ConversationID
	with         node.Contact
	status       node.ContactStatus
	typing       int  // counts what was heard of their writing; zero: they don't
	lost         bool // the node can't be heard

	history      *history
	loading      bool // newest is under way
	stale        bool // and has to be asked again after that
	loadingOlder bool

	layout layout
	scroll int // rows below the screen; zero: at the end
	unseen int // messages that came while scrolled up

	input   textarea.Model
	editing kith.EventID   // the message that the input will replace, or zero
	numbers []kith.EventID // the messages that a command may name, while one is written
	told    time.Time      // when they last heard that the person writes; zero: not
	note    note
	panel   *panel // covers the history

	focused bool         // the terminal is in front, as far as it tells
	marked  kith.EventID // up to here they know that it was read

	width, height int
}

// A note is the outcome of the last action.
type note struct {
	text string
	bad  bool
}

// A panel is text that covers the history until a key closes it.
type panel struct {
	title string
	lines []string
	top   int
}

// inputRows is how high the input grows before it scrolls.
const inputRows = 6

// New makes the model of a conversation. The rest is loaded by Init.
func New(ctx context.Context, o Options, first node.Conversation) *Model {
	m := &Model{
		ctx: ctx, client: o.Client, ref: first.ID.String(),
		now: o.Now, zone: o.Zone, duration: o.Duration,
		style:        newStyles(),
		conversation: first.ID,
		with:         wording.With(first),
		status:       statusOf(first),
		history:      newHistory(),
		focused:      true,
		width:        80, height: 24,
	}
	m.layout = newLayout()
	m.input = newInput(m.style)
	m.input.SetWidth(m.width)
	return m
}

func newInput(style styles) textarea.Model {
	in := textarea.New()
	in.Prompt = "> "
	in.Placeholder = "Write a message, or /help"
	in.ShowLineNumbers = false
	in.EndOfBufferCharacter = ' '
	in.DynamicHeight = true
	in.MinHeight, in.MaxHeight = 1, inputRows
	in.MaxContentHeight = kith.MaxText // rows: a text of nothing but line ends
	in.KeyMap.InsertNewline = key.NewBinding(key.WithKeys("alt+enter", "ctrl+j", "shift+enter"))
	in.KeyMap.PageUp, in.KeyMap.PageDown = key.NewBinding(), key.NewBinding()
	in.SetStyles(style.input)
	in.SetVirtualCursor(false)
	in.Focus()
	return in
}

// Init loads the conversation.
func (m *Model) Init() tea.Cmd { return m.open() }

// Update is the only place where the model changes.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	m.arrange()
	return m, tea.Batch(cmd, m.reach(), m.markRead())
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.SetWidth(msg.Width)
		m.layout.forgetAll()
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.MouseWheelMsg:
		m.wheel(msg.Mouse().Button)
	case tea.PasteMsg:
		m.note = note{}
		return m.write(msg)
	case noticeMsg:
		return m.notice(node.Notice(msg))
	case lostMsg:
		return m.lose(msg.err)
	case retryMsg:
		return m.open()
	case openedMsg:
		return m.opened(msg)
	case newestMsg:
		return m.loaded(msg)
	case olderMsg:
		m.loadingOlder = false
		if msg.err != nil {
			return m.failed(msg.err)
		}
		m.history.before(msg.page, msg.asked)
		return m.quotes()
	case quotesMsg:
		for _, q := range msg {
			m.history.quoted[q.ID] = q
		}
		m.layout.forgetAll()
	case lastOwnMsg:
		return m.beginEdit(msg)
	case doneMsg:
		return m.done(msg)
	case panelMsg:
		if msg.err != nil {
			return m.failed(msg.err)
		}
		m.panel = &panel{title: msg.title, lines: msg.lines}
	case stillMsg:
		if msg.nth == m.typing {
			m.typing = 0
		}
	case markedMsg:
		if msg.err != nil {
			return m.failed(msg.err)
		}
	}
	return nil
}

// failed says what went wrong. The loss of the node has a line of its own.
func (m *Model) failed(err error) tea.Cmd {
	if m.ctx.Err() != nil {
		return nil
	}
	m.note = note{text: err.Error(), bad: true}
	return nil
}
