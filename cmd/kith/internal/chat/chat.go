// Package chat is a conversation with one contact in a terminal.
//
// It is a Bubble Tea program: a [Model] that changes only in Update, where one
// goroutine hands it keys, the answers of the node and the node's notices, one
// after another. The model never waits; what takes time is a command, whose
// result comes back as a message of this package (see messages.go).
//
//	keys ─────┐             ┌─> commands ──> Client ──> answers ─┐
//	notices ──┼──> Update ──┤                                    │
//	answers ──┘             └─> View: header, history, input     │
//	   ^─────────────────────────────────────────────────────────┘
//
// The history on the screen is a contiguous piece of the conversation up to
// its end (see history.go). The node alone knows the order, so a message that
// is new makes the model load the end again instead of guessing its place.
//
// Everything that others wrote goes through package printable.
package chat

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/node"
)

// A Client is what the chat needs of a node.
type Client interface {
	Conversation(ctx context.Context, ref string) (node.Conversation, error)
	Status(ctx context.Context) (node.Status, error)
	Log(ctx context.Context, ref string, page node.Page) ([]node.Message, error)
	Message(ctx context.Context, id string) (node.Message, error)
	LastOwn(ctx context.Context, ref string) (node.Message, error)
	Search(ctx context.Context, words, ref string, limit int) ([]node.Message, error)

	Send(ctx context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]node.Message, error)
	Edit(ctx context.Context, id, text string, mentions ...kith.Mention) (node.Message, error)
	Delete(ctx context.Context, id string) (node.Message, error)
	React(ctx context.Context, id, emoji string) (node.Message, error)
	MarkRead(ctx context.Context, ref string, upTo kith.EventID) error
	SetTyping(ctx context.Context, ref string, active bool) error
	Block(ctx context.Context, ref string, d time.Duration) (node.Contact, error)
	Unblock(ctx context.Context, ref string) (node.Contact, error)
	Retry(ctx context.Context, ref string) error

	// Events tells what happens from now on; see client.Client. An error of
	// kind Unreachable is not its end.
	Events(ctx context.Context, after string) iter.Seq2[node.Numbered, error]
}

// Options says where and with whom the chat takes place.
type Options struct {
	Client   Client
	Ref      string // of the contact; see node.Contact
	In       io.Reader
	Out      io.Writer
	Env      []string // of the terminal: TERM, NO_COLOR …
	Now      func() time.Time
	Zone     *time.Location                      // in which times are shown
	Duration func(string) (time.Duration, error) // parses what follows /block

	size []tea.ProgramOption // what a terminal would tell; set by tests only
}

// Run shows the chat until the person leaves it or ctx ends. An unknown
// contact, or no node, is an error before anything is shown.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := o.Client.Events(ctx, "") // before anything is loaded: no hole
	first, err := o.Client.Conversation(ctx, o.Ref)
	if err != nil {
		return err
	}
	options := append(o.size, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Env))
	program := tea.NewProgram(New(ctx, o, first), options...)
	go func() {
		for event, err := range events {
			if err != nil {
				program.Send(lostMsg{err})
			} else {
				program.Send(noticeMsg(event.Notice))
			}
		}
	}()
	_, err = program.Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}
