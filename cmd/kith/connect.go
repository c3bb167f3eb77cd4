package main

import (
	"strings"

	"github.com/spf13/cobra"

	"kith"
)

func newConnectCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "connect NAME [LINE]",
		Short: "Connect with nobody in between, by two pasted lines",
		Long: `Where nothing else finds a way, two lines do, sent by mail or any chat:

  1  you:   kith connect NAME        prints an offer; send it to them
  2  they:  kith connect OFFER       prints an answer; they send it to you
  3  you:   kith connect ANSWER      connects

A NAME before the line is taken as a check of whom it is from.`,
		Example: "  kith connect bob\n  kith connect kith-offer:AaB3…",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, line := splitLine(args)
			if line == "" && len(args) > 1 {
				return kith.Errorf(kith.Invalid, "%q is no line of a connection; one begins with kith-offer: or kith-answer:", strings.Join(args[1:], " "))
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			var out struct {
				Line string `json:"line"`
			}
			next := "Send this line to %s. They paste it into \"kith connect\" and send you the answer;\nthat one you paste into \"kith connect\" here. Kith has to go on running meanwhile.\n"
			if line == "" {
				out.Line, err = c.Offer(cmd.Context(), ref)
			} else {
				next = "Send this answer back. When it is pasted there you are connected.\n"
				out.Line, err = c.AnswerOffer(cmd.Context(), ref, line)
			}
			if err != nil {
				if ref != "" {
					err = nearly(cmd.Context(), c, err, ref)
				}
				return err
			}
			return e.emit(out, func() {
				if out.Line == "" {
					e.printf("Connected.\n")
					return
				}
				e.printf("%s\n", out.Line)
				e.tell("%s", strings.Replace(next, "%s", name(ref), 1))
			})
		},
	}
}

// splitLine parts the arguments of connect: an optional name and a pasted line,
// which a mail program may have broken into several words.
func splitLine(args []string) (ref, line string) {
	for i, arg := range args {
		lower := strings.ToLower(arg)
		if strings.Contains(lower, "kith-offer:") || strings.Contains(lower, "kith-answer:") || strings.HasPrefix(lower, "kith:") {
			return strings.Join(args[:i], " "), pasted(args[i:])
		}
	}
	return args[0], ""
}

func newRetryCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "retry [NAME]",
		Short:   "Try to connect at once, to one contact or all",
		Example: "  kith retry bob",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return c.Retry(cmd.Context(), "")
			}
			return nearly(cmd.Context(), c, c.Retry(cmd.Context(), args[0]), args[0])
		},
	}
}
