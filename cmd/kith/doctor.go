package main

import (
	"github.com/spf13/cobra"

	"kith/cmd/kith/internal/printable"
	"kith/node"
)

func newDoctorCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find out what stands between this device and others",
		Long: `Looks at the network, the router, the hubs and the ways in which devices find
each other, and says what works and what you can do about the rest. It takes
some seconds.`,
		Example: "  kith doctor",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			findings, err := c.Doctor(cmd.Context())
			if err != nil {
				return err
			}
			marks := map[string]string{"good": e.dot(node.Connected), "fair": e.dot(node.Connecting), "bad": e.dot(node.Disconnected)}
			return e.emit(findings, func() {
				for _, f := range findings {
					e.printf("%s %s\n", marks[f.Level], printable.Line(f.Text))
					if f.Advice != "" {
						e.printf("  %s\n", printable.Line(f.Advice))
					}
				}
			})
		},
	}
}
