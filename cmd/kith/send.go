package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

func newSendCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "send NAME... TEXT",
		Short: "Send a message",
		Long: `Sends a text to each of the names, separately: nobody sees who else got it.
A text of - is read from standard input. The message is safe on disk when the
command ends, whether or not they can be reached at present.`,
		Example: "  kith send bob \"see you at eight\"\n  kith send bob carol - < letter.txt",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, last := args[:len(args)-1], args[len(args)-1]
			text, err := e.text(last)
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			sent, err := c.Send(cmd.Context(), refs, text, kith.EventID{})
			if err != nil {
				err = nearly(cmd.Context(), c, err, refs...)
				if kith.KindOf(err) == kith.NotFound && len(refs) > 1 {
					err = kith.Errorf(kith.NotFound, "%w (a text of several words needs quotes)", err)
				}
				return err
			}
			for _, ref := range refs {
				if contact, err := c.Contact(cmd.Context(), ref); err == nil {
					e.warn(contact)
				}
			}
			return e.emit(sent, func() {
				for _, m := range sent {
					e.printf("%s\n", m.ID.String()[:shortID])
				}
			})
		},
	}
}

// text is the text to send: the argument, or standard input for "-". A line
// end at the end of the input belongs to the file, not to the message.
func (e *env) text(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	const enough = kith.MaxText + 2 // so that too much is seen as such
	read, err := io.ReadAll(io.LimitReader(e.in, enough))
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "standard input can't be read: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(read), "\n"), "\r")
	if len(text) > kith.MaxText {
		return "", kith.Errorf(kith.Invalid, "the text is too long: a message holds at most %d bytes", kith.MaxText)
	}
	return text, nil
}

func newReplyCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "reply ID TEXT",
		Short:   "Answer a message",
		Example: "  kith reply abcdefgh \"me too\"",
		Args:    between(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := e.text(args[1])
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.Reply(cmd.Context(), args[0], text)
			if err != nil {
				return err
			}
			return e.emit(m, func() { e.printf("%s\n", m.ID.String()[:shortID]) })
		},
	}
}

func newEditCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "edit ID TEXT",
		Short:   "Change a message of yours",
		Example: "  kith edit abcdefgh \"see you at nine\"",
		Args:    between(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := e.text(args[1])
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.Edit(cmd.Context(), args[0], text)
			if err != nil {
				return err
			}
			return e.emit(m, func() { e.printMessages([]node.Message{m}) })
		},
	}
}

func newDeleteCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "delete ID",
		Short:   "Take a message of yours back, for good",
		Example: "  kith delete abcdefgh",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.Delete(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return e.emit(m, func() { e.printMessages([]node.Message{m}) })
		},
	}
}

func newReactCmd(e *env) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:     "react ID [EMOJI]",
		Short:   "React to a message",
		Long:    `Sets your one reaction to a message. An empty one ("") or --remove withdraws it.`,
		Example: "  kith react abcdefgh 👍",
		Args:    between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if remove != (len(args) == 1) {
				return kith.Errorf(kith.Invalid, "give either an emoji or --remove")
			}
			emoji := ""
			if !remove {
				emoji = args[1]
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.React(cmd.Context(), args[0], emoji)
			if err != nil {
				return err
			}
			return e.emit(m, func() { e.printMessages([]node.Message{m}) })
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "withdraw your reaction")
	return cmd
}
