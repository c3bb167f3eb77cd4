package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newConversationsCmd(e *env) *cobra.Command {
	var archived bool
	cmd := &cobra.Command{
		Use:     "conversations",
		Short:   "List your conversations",
		Long:    `Lists your conversations: those pinned, then the others, the latest first.`,
		Example: "  kith conversations\n  kith conversations --archived",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Conversations(cmd.Context(), node.ConversationPage{Archived: &archived})
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 && archived {
					e.tell("The archive is empty.\n")
				} else if len(list) == 0 {
					e.tell("No conversation yet. Invite somebody with: kith invite\n")
				}
				var rows [][]string
				for _, conv := range list {
					rows = append(rows, e.conversationRow(conv))
				}
				e.table(rows)
			})
		},
	}
	cmd.Flags().BoolVar(&archived, "archived", false, "those in the archive instead")
	return cmd
}

// conversationRow is one line of the list: who, when, what is new, what was
// said last.
func (e *env) conversationRow(c node.Conversation) []string {
	var notes []string
	if c.Pinned {
		notes = append(notes, "pinned")
	}
	if c.Unread > 0 {
		notes = append(notes, fmt.Sprint(c.Unread, " new"))
	}
	if c.Mentioned > 0 {
		notes = append(notes, "mentions you")
	}
	if c.Draft != nil {
		notes = append(notes, "draft")
	}
	when, said := "", ""
	if c.Last != nil {
		when = e.stamp(c.Last.Sent)
		said = printable.Truncate(wording.Author(*c.Last)+": "+printable.Line(wording.Text(*c.Last, e.now(), e.zone)), 50)
		if c.Last.Deleted {
			said = "(deleted)"
		}
	}
	return []string{e.dot(wording.With(c).Connection), name(c.Name), when, strings.Join(notes, ", "), e.colour(faint, said)}
}

func newPinCmd(e *env) *cobra.Command {
	return onConversation(e, "pin NAME", "Keep a conversation before all others", node.ConversationChange{Pinned: truth(true)}, "is pinned now")
}

func newUnpinCmd(e *env) *cobra.Command {
	return onConversation(e, "unpin NAME", "Put a pinned conversation among the others", node.ConversationChange{Pinned: truth(false)}, "is not pinned")
}

func newArchiveCmd(e *env) *cobra.Command {
	return onConversation(e, "archive NAME", "Put a conversation away until the next message", node.ConversationChange{Archived: truth(true)}, "is in the archive until somebody writes")
}

func newUnarchiveCmd(e *env) *cobra.Command {
	return onConversation(e, "unarchive NAME", "Take a conversation out of the archive", node.ConversationChange{Archived: truth(false)}, "is not in the archive")
}

func truth(b bool) *bool { return &b }

// onConversation makes a command that changes the place of one conversation in
// the list.
func onConversation(e *env, use, short string, change node.ConversationChange, said string) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: short, Example: "  kith " + verb + " bob", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			conv, err := c.ChangeConversation(cmd.Context(), args[0], change)
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			return e.emit(conv, func() { e.printf("The conversation with %s %s.\n", name(conv.Name), said) })
		},
	}
}
