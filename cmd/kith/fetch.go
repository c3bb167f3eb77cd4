package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newFetchCmd(e *env) *cobra.Command {
	var o node.FetchRequest
	var wait bool
	cmd := &cobra.Command{
		Use:   "fetch ID [PATH...]",
		Short: "Fetch what somebody shared",
		Long: `Fetches a file, folder or torrent; of one with many files, PATHs name those that
are wanted, as "kith files --of ID" lists them. Kith goes on with it in the background. With
--wait the command ends when all that is wanted is here.`,
		Example: "  kith fetch abcdefgh --wait\n  kith fetch abcdefgh \"Season 1/01.mp4\" --first",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			o.Files = args[1:]
			w := &waiting{env: e, client: c, progress: progress{out: e.err}}
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			if wait {
				w.events = c.Events(ctx, "") // before, so that nothing is missed
			}
			m, err := c.FetchFile(ctx, args[0], o)
			if err == nil && wait {
				m, err = w.until(ctx, m)
			}
			if err != nil {
				return err
			}
			return e.emit(m, func() { e.printf("%s\n", fetched(m)) })
		},
	}
	cmd.Flags().BoolVar(&o.First, "first", false, "before all others")
	cmd.Flags().BoolVar(&wait, "wait", false, "until it is here, and show how far it is")
	return cmd
}

// fetched says in a line how things stand with what a message shares.
func fetched(m node.Message) string {
	t, called, _, _ := wording.TransferOf(m)
	said := called + ": " + wording.Transfer(t)
	switch {
	case t.State == node.TransferComplete && t.Path != "":
		return said + ", in " + printable.Line(t.Path)
	case wording.Reason(t) != "":
		return said + ". " + wording.Reason(t)
	}
	return said
}

func percent(done, total int64) string { return fmt.Sprint(wording.Percent(done, total), " %") }

// waiting follows one transfer to its end.
type waiting struct {
	*env
	client   *client.Client
	events   func(yield func(node.Numbered, error) bool)
	progress progress
	lost     bool // the node was, and that was told
}

// until gives the message when all that is wanted of it is here, or why it
// won't come.
func (w *waiting) until(ctx context.Context, m node.Message) (node.Message, error) {
	defer w.progress.end()
	if done, err := w.look(m); done {
		return m, err
	}
	for event, err := range w.events {
		var next *node.Message
		switch {
		case err != nil && kith.KindOf(err) != kith.Unreachable:
			return m, err
		case err != nil && !w.lost:
			w.lost = true
			w.tell("kith: %v; waiting for it\n", err)
		case err != nil:
		case event.Type == "reset":
			again, err := w.client.Message(ctx, m.ID.String())
			if err != nil {
				return m, err
			}
			next = &again
		case event.Message != nil && event.Message.ID == m.ID:
			next = event.Message
		}
		if next != nil {
			m, w.lost = *next, false
			if done, err := w.look(m); done {
				return m, err
			}
		}
	}
	return m, ctx.Err()
}

// look shows how far it is, and tells whether there is nothing to wait for.
func (w *waiting) look(m node.Message) (done bool, err error) {
	t, called, _, ok := wording.TransferOf(m)
	if !ok || m.Deleted {
		return true, kith.Errorf(kith.Conflict, "it was taken back")
	}
	line := called + ": " + wording.Transfer(t)
	if t.State == node.TransferFetching {
		line += " of " + wording.Size(t.Total) + ", " + wording.Rate(t.Down)
		if left := wording.Left(t.Left); left != "" {
			line += ", " + left
		}
	}
	if reason := wording.Reason(t); reason != "" {
		line += ". " + reason
	}
	if _, ok := terminal(w.err); ok && !w.json {
		w.progress.show(line)
	}
	switch t.State {
	case node.TransferComplete, node.TransferPartial:
		return true, nil
	case node.TransferFull:
		return true, kith.Errorf(kith.Full, "%s", line)
	case node.TransferFailed:
		return true, kith.Errorf(kith.Damaged, "%s", line)
	case node.TransferMissing, node.TransferChanged, node.TransferPaused, node.TransferNone:
		return true, kith.Errorf(kith.Conflict, "%s", line)
	}
	return false, nil
}
