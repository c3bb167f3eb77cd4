package main

import (
	"context"

	"github.com/spf13/cobra"

	"kith/api/client"
	"kith/node"
)

func newBlockCmd(e *env) *cobra.Command {
	length := span{}
	cmd := onContact(e, &cobra.Command{
		Use:   "block NAME",
		Short: "Block a contact, for good or for a time",
		Long: `The blocked one gets nothing and learns nothing: you look offline. What they
send meanwhile is shown only if you end the block yourself.`,
		Example: "  kith block mallory\n  kith block bob --for 30m",
		Args:    between(1, 1),
	}, func(ctx context.Context, c *client.Client, args []string) (node.Contact, error) {
		return c.Block(ctx, args[0], length.Duration)
	}, func(c node.Contact) string {
		if c.BlockedUntil == nil {
			return name(c.Name) + " is blocked."
		}
		return name(c.Name) + " is blocked until " + e.stamp(*c.BlockedUntil) + "."
	})
	cmd.Flags().Var(&length, "for", "30m to 24h; without it, for good")
	return cmd
}

func newUnblockCmd(e *env) *cobra.Command {
	return onContact(e, &cobra.Command{
		Use: "unblock NAME", Short: "End a block", Example: "  kith unblock bob", Args: between(1, 1),
	}, func(ctx context.Context, c *client.Client, args []string) (node.Contact, error) {
		return c.Unblock(ctx, args[0])
	}, func(c node.Contact) string { return name(c.Name) + " is not blocked any more." })
}
