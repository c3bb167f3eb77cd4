package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// maxLimit is how many messages one answer of the node holds.
const maxLimit = 500

func newLogCmd(e *env) *cobra.Command {
	var limit int
	var before string
	var follow bool
	cmd := &cobra.Command{
		Use:   "log NAME",
		Short: "Print a conversation",
		Long: `Prints the newest messages, oldest first. Signs of your own messages:
… pending, ⌂ held, ✓ delivered, ✓✓ read. Reading here marks nothing as read;
"kith read" does. With --follow it goes on as they come; with --json a message
comes again when it changed.`,
		Example: "  kith log bob --limit 20\n  kith log bob --before abcdefgh\n  kith log bob --follow --json | jq -r .text",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 || limit > maxLimit || (limit == 0 && !follow) {
				return kith.Errorf(kith.Invalid, "--limit is from 1 to %d", maxLimit)
			}
			if follow && before != "" {
				return kith.Errorf(kith.Invalid, "--follow and --before contradict each other")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			if follow {
				return quiet(cmd.Context(), e.follow(cmd.Context(), c, args[0], limit))
			}
			page := node.Page{Limit: limit}
			if before != "" {
				m, err := c.Message(cmd.Context(), before)
				if err != nil {
					return err
				}
				page.Before = m.ID
			}
			list, err := c.Log(cmd.Context(), args[0], page)
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			return e.emit(list, func() { e.printMessages(list) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many messages, at most 500")
	cmd.Flags().StringVar(&before, "before", "", "those before this message")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	return cmd
}

func newSearchCmd(e *env) *cobra.Command {
	var in string
	var limit int
	cmd := &cobra.Command{
		Use:     "search WORDS...",
		Short:   "Find messages, newest first",
		Long:    `Finds messages that hold all the words, or words that begin like them, whatever their accents.`,
		Example: "  kith search saturday train --in bob",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxLimit {
				return kith.Errorf(kith.Invalid, "--limit is from 1 to %d", maxLimit)
			}
			if strings.TrimSpace(strings.Join(args, "")) == "" {
				return kith.Errorf(kith.Invalid, "there is nothing to look for; write a word, or how it begins")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Search(cmd.Context(), strings.Join(args, " "), in, limit)
			if err != nil {
				if in != "" {
					err = nearly(cmd.Context(), c, err, in)
				}
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 {
					e.tell("Nothing found.\n")
				}
				e.printMessages(list)
			})
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "only in the conversation with this contact")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many messages, at most 500")
	return cmd
}

func newReadCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "read NAME",
		Short:   "Mark all that a contact wrote as read",
		Example: "  kith read bob",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			last, err := c.Log(cmd.Context(), args[0], node.Page{Limit: 1})
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			if len(last) == 0 {
				return nil
			}
			return c.MarkRead(cmd.Context(), args[0], last[0].ID)
		},
	}
}

func newDetailsCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "details ID",
		Short:   "Show which device has a message, and since when",
		Example: "  kith details abcdefgh",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			var v struct {
				Message  node.Message   `json:"message"`
				Receipts []node.Receipt `json:"receipts"`
			}
			if v.Message, err = c.Message(cmd.Context(), args[0]); err != nil {
				return err
			}
			if v.Receipts, err = c.Receipts(cmd.Context(), v.Message.ID.String()); err != nil {
				return err
			}
			return e.emit(v, func() { e.printDetails(v.Message, v.Receipts) })
		},
	}
}

// heldBy says by which hub something is held, and until when.
func (e *env) heldBy(hub string, until *time.Time) string {
	if until == nil {
		return ""
	}
	return " by " + printable.Line(hub) + " until " + e.stamp(*until)
}

func (e *env) printDetails(m node.Message, receipts []node.Receipt) {
	rows := [][]string{
		{"id", m.ID.String()},
		{"from", wording.Author(m)},
		{"sent", m.Sent.In(e.zone).Format("2006-01-02 15:04:05")},
	}
	if m.Mine {
		rows = append(rows, []string{"state", string(m.State) + e.heldBy(m.HeldBy, m.HeldUntil)})
	}
	if t, _, _, ok := wording.TransferOf(m); ok && !m.Deleted {
		rows = append(rows, []string{"transfer", fetched(m)})
		if t.Path != "" {
			rows = append(rows, []string{"path", printable.Line(t.Path)})
		}
		if with := wording.Carriers(t.From); with != "" {
			rows = append(rows, []string{"with", with})
		}
	}
	for _, r := range receipts {
		said := "not delivered yet"
		if r.HeldUntil != nil {
			said = "held" + e.heldBy(r.HeldBy, r.HeldUntil)
		}
		if r.Reason != "" {
			said += ": " + printable.Line(r.Reason)
		}
		if r.Delivered != nil {
			said = "delivered " + e.stamp(*r.Delivered)
		}
		if r.Read != nil {
			said += ", read " + e.stamp(*r.Read)
		}
		rows = append(rows, []string{"device", name(r.Name) + " " + r.Device.Short() + ": " + said})
	}
	e.table(rows)
	e.printf("\n%s\n", wording.Text(m, e.now(), e.zone))
}
