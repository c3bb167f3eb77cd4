package main

import (
	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/chat"
)

func newChatCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "chat NAME",
		Short:   "Talk with a contact in the terminal",
		Long:    `Opens a conversation in the terminal. /help in it lists what it understands.`,
		Example: "  kith chat bob",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, in := terminal(e.in)
			_, out := terminal(e.out)
			if !in || !out || e.json {
				return kith.Errorf(kith.Invalid, "kith chat needs a terminal; without one use kith log --follow and kith send")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			err = chat.Run(cmd.Context(), chat.Options{
				Client: c, Ref: args[0], In: e.in, Out: e.out, Env: e.environ,
				Now: e.now, Zone: e.zone, Duration: parseDuration,
			})
			return nearly(cmd.Context(), c, err, args[0])
		},
	}
}
