package main

import (
	"github.com/spf13/cobra"

	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newHubsCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hubs",
		Short: "Show the hubs that you use, add or remove one",
		Long: `A hub is a server that helps devices to find each other and keeps messages for
those that are away. Anybody can run one (kith hub init); it can read nothing.
Contacts learn from your card at which hubs you can be met.`,
		Example: "  kith hubs\n  kith hubs add hub.example.org",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Hubs(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() { e.printHubs(list) })
		},
	}
	add := &cobra.Command{
		Use:     "add URL",
		Short:   "Begin to use a hub, and tell your contacts",
		Example: "  kith hubs add hub.example.org",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			hub, err := c.AddHub(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return e.emit(hub, func() { e.printf("You use the hub %s from now on.\n", printable.Line(hub.Name)) })
		},
	}
	remove := &cobra.Command{
		Use:     "remove URL",
		Short:   "End the use of a hub",
		Example: "  kith hubs remove hub.example.org",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return c.RemoveHub(cmd.Context(), args[0])
		},
	}
	cmd.AddCommand(add, remove)
	return cmd
}

func (e *env) printHubs(list []node.Hub) {
	if len(list) == 0 {
		e.printf("You use no hub. Add one with \"kith hubs add URL\"; anybody can run one.\n")
	}
	for _, h := range list {
		of := ""
		if !h.Own {
			of = "  (of a contact)"
		}
		e.printf("%s%s\n  %s\n", printable.Line(h.Name), of, printable.Line(h.Reason))
		if h.Phase == "connected" {
			e.printf("  You are %s there.\n", h.Device)
		}
		if h.Space != nil {
			e.printf("  It keeps files: %s of %s.\n", wording.Size(h.Space.Used), wording.Size(h.Space.Quota))
		}
		for _, n := range h.Notices {
			e.printf("  %s  %s\n", wording.Clock(n.At, e.now(), e.zone), printable.Line(n.Text))
		}
	}
}
