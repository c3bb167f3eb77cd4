package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newStatusCmd(e *env) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show how you are connected, and if not, why",
		Example: "  kith status --follow",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			if follow {
				return quiet(cmd.Context(), e.followStatus(cmd.Context(), c))
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(s, func() { e.printStatus(s) })
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print a line whenever something changes")
	return cmd
}

func (e *env) printStatus(s node.Status) {
	visible := "visible"
	if !s.Me.Visible {
		visible = "hidden: you are found by nobody, and what you send waits"
	}
	e.printf("%s (%s), %s\n", name(s.Me.Name), s.Me.Account.Short(), visible)
	for _, a := range s.Addresses {
		e.printf("  listens on %s\n", printable.Line(a))
	}
	for _, w := range s.Ways {
		e.printf("  %s\n", wording.Way(w))
	}
	for _, c := range s.Contacts {
		e.printf("\n")
		e.printConnection(c)
		for _, l := range c.Links {
			e.printf("    %s  %s – %s  %s  since %s\n", l.Device.Short(), printable.Line(l.Local), printable.Line(l.Remote),
				wording.RTT(l.RTT), wording.Clock(l.Since, e.now(), e.zone))
		}
		for _, w := range c.Ways {
			e.printf("    %s\n", wording.Way(w))
		}
	}
	if len(s.Dropped) > 0 {
		e.printf("\nBad input from others, dropped:\n")
		for _, what := range slices.Sorted(maps.Keys(s.Dropped)) {
			e.printf("  %6d  %s\n", s.Dropped[what], printable.Line(what))
		}
	}
}

func (e *env) printConnection(c node.ContactStatus) {
	waiting := wording.Waiting(c.Waiting)
	if waiting != "" {
		waiting = "; " + waiting
	}
	e.printf("%s %s  %s%s\n", e.dot(c.Connection), name(c.Name), wording.Connection(c, e.now(), e.zone), waiting)
}

// followStatus prints how each contact is connected, and each change.
func (e *env) followStatus(ctx context.Context, c *client.Client) error {
	events := c.Events(ctx, "") // before the status, so that nothing is missed
	shown := map[kith.AccountID]string{}
	print := func(s node.ContactStatus) error {
		// A round trip changes all the time; that alone is no news.
		seen := fmt.Sprint(s.Connection, len(s.Links), s.Waiting, s.Tries, s.Ways, s.Until)
		if shown[s.Account] == seen {
			return nil
		}
		shown[s.Account] = seen
		return e.emit(s, func() {
			e.printf("%s  ", e.now().In(e.zone).Format("15:04:05"))
			e.printConnection(s)
		})
	}
	all := func() error {
		s, err := c.Status(ctx)
		for _, contact := range s.Contacts {
			if err == nil {
				err = print(contact)
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
		case event.Status != nil:
			err = print(*event.Status)
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
