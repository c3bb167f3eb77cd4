package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/node"
)

func newVerifyCmd(e *env) *cobra.Command {
	var yes, not bool
	cmd := &cobra.Command{
		Use:   "verify NAME",
		Short: "Compare safety numbers with a contact",
		Long: `Shows the number that you and the contact both see, if nobody stands between
you. Read it out to each other, face to face or over a telephone, and mark
the contact as verified if they are equal.`,
		Example: "  kith verify bob\n  kith verify bob --yes",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes && not {
				return kith.Errorf(kith.Invalid, "--yes and --unverify contradict each other")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			if !yes && !not {
				var done bool
				if yes, done, err = e.compare(cmd.Context(), c, args[0]); err != nil || done {
					return nearly(cmd.Context(), c, err, args[0])
				}
			}
			contact, err := c.SetVerified(cmd.Context(), args[0], yes)
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			return e.emit(contact, func() {
				if yes {
					e.printf("%s is verified.\n", name(contact.Name))
				} else {
					e.printf("%s is not verified any more.\n", name(contact.Name))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "they are equal: mark as verified")
	cmd.Flags().BoolVar(&not, "unverify", false, "take the mark back")
	return cmd
}

// compare shows the safety number and, on a terminal, asks whether the other
// one is equal. It is done if nothing is to be marked.
func (e *env) compare(ctx context.Context, c *client.Client, ref string) (equal, done bool, err error) {
	number, err := c.SafetyNumber(ctx, ref)
	if err != nil {
		return false, false, err
	}
	if err := e.emit(number, func() { e.printSafetyNumber(number) }); err != nil || e.json {
		return false, true, err
	}
	if _, ok := terminal(e.in); !ok || number.Verified != nil {
		return false, true, nil
	}
	equal, err = e.ask("Does "+name(number.Name)+" see the same number?", "use --yes")
	if err == nil && !equal {
		e.tell("Not marked. If theirs differs, somebody may stand between you.\n")
	}
	return equal, !equal, err
}

// printSafetyNumber prints 12 groups of five digits, four on a line.
func (e *env) printSafetyNumber(number node.SafetyNumber) {
	e.printf("Safety number with %s\n\n", name(number.Name))
	groups := strings.Fields(number.Digits)
	for i, group := range groups {
		switch i % 4 {
		case 0:
			e.printf("    %s", group)
		default:
			e.printf("  %s", group)
		}
		if i%4 == 3 || i == len(groups)-1 {
			e.printf("\n")
		}
	}
	if number.Verified != nil {
		e.printf("\nVerified on %s.\n", e.stamp(*number.Verified))
	}
}
