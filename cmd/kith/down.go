package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
)

func newDownCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "End the running node",
		Example: "  kith down",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			if err := c.Shutdown(cmd.Context()); err != nil {
				return err
			}
			return waitForEnd(cmd.Context(), c)
		},
	}
}

// waitForEnd waits until the node does not answer any more.
func waitForEnd(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.Me(ctx); kith.KindOf(err) == kith.Unreachable {
			return nil
		}
		select {
		case <-ctx.Done():
			return kith.Errorf(kith.Internal, "the node has not ended after ten seconds")
		case <-tick.C:
		}
	}
}
