package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newTransfersCmd(e *env) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "transfers",
		Short:   "Show what is being fetched and handed on",
		Example: "  kith transfers --follow",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			if follow {
				return quiet(cmd.Context(), e.followTransfers(cmd.Context(), c))
			}
			t, err := c.Transfers(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(t, func() { e.printTransfers(t) })
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print a line whenever one changes")
	return cmd
}

func (e *env) printTransfers(t node.Transfers) {
	e.printf("down %s, up %s\n", wording.Rate(t.Down), wording.Rate(t.Up))
	var rows [][]string
	for _, m := range t.Messages {
		rows = append(rows, transferRow(m))
	}
	e.table(rows)
}

// transferRow is one line: what, how far, how fast, how long, with whom.
func transferRow(m node.Message) []string {
	t, called, size, _ := wording.TransferOf(m)
	var how []string
	if t.Down >= 1 {
		how = append(how, "down "+wording.Rate(t.Down))
	}
	if t.Up >= 1 {
		how = append(how, "up "+wording.Rate(t.Up))
	}
	if left := wording.Left(t.Left); left != "" {
		how = append(how, left)
	}
	if with := wording.Carriers(t.From); with != "" {
		how = append(how, "with "+with)
	}
	if reason := wording.Reason(t); reason != "" {
		how = append(how, reason)
	}
	return []string{m.ID.String()[:shortID], wording.Transfer(t), wording.Size(size), called, strings.Join(how, ", ")}
}

// followTransfers prints how each transfer stands, and each change.
func (e *env) followTransfers(ctx context.Context, c *client.Client) error {
	events := c.Events(ctx, "") // before the list, so that nothing is missed
	shown := map[kith.EventID]string{}
	print := func(m node.Message) error {
		if _, _, _, ok := wording.TransferOf(m); !ok || m.Deleted {
			return nil
		}
		line := strings.TrimRight(strings.Join(transferRow(m), "  "), " ")
		if shown[m.ID] == line {
			return nil
		}
		shown[m.ID] = line
		return e.emit(m, func() { e.printf("%s  %s\n", e.now().In(e.zone).Format("15:04:05"), line) })
	}
	all := func() error {
		t, err := c.Transfers(ctx)
		for _, m := range t.Messages {
			if err == nil {
				err = print(m)
			}
		}
		return err
	}
	if err := all(); err != nil {
		return err
	}
	lost := false
	for event, err := range events {
		switch {
		case err != nil:
		case event.Type == "reset":
			err = all()
		case event.Message != nil:
			err = print(*event.Message)
		}
		if err != nil && kith.KindOf(err) != kith.Unreachable {
			return err
		}
		if err != nil && !lost {
			e.tell("kith: %v; waiting for it\n", err)
		}
		lost = err != nil
	}
	return nil
}
