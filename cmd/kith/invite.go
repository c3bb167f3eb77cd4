package main

import (
	"strings"

	"github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

func newInviteCmd(e *env) *cobra.Command {
	var o node.InviteOptions
	var qr bool
	expires := span{}
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Make a line that invites somebody",
		Long: `Prints one line. Send it to one person, by whatever you both use: whoever
has it first becomes your contact. A reusable one serves many; each who comes
has to be accepted (kith requests).`,
		Example: "  kith invite --qr\n  kith invite --reusable --expires 30d",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			o.Expires = expires.Duration
			inv, err := c.Invite(cmd.Context(), o)
			if err != nil {
				return err
			}
			return e.emit(inv, func() {
				e.printInvitation(inv, qr)
			})
		},
	}
	cmd.Flags().Var(&expires, "expires", "how long it works (default 7d)")
	cmd.Flags().BoolVar(&o.Reusable, "reusable", false, "let many use it; you accept each")
	cmd.Flags().BoolVar(&qr, "qr", false, "show it as a QR code, too")
	return cmd
}

// printInvitation prints the line for others, and how it is used.
func (e *env) printInvitation(inv node.Invitation, qr bool) {
	if qr {
		e.printQR(inv.Line)
	}
	e.printf("%s\n", inv.Line)
	until := "It works once, until "
	if inv.Reusable {
		until = "It works until "
	}
	e.tell("%s%s. They use it with: kith join LINE\n", until, e.stamp(inv.Expires))
}

// printQR draws a line in half blocks, white on black and with a border, so
// that it can be read whatever the colours of the terminal.
func (e *env) printQR(line string) {
	qrterminal.GenerateWithConfig(line, qrterminal.Config{
		Level: qrterminal.L, Writer: e.out, HalfBlocks: true, QuietZone: 2,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
		BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
}

func newInvitationsCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "invitations",
		Short:   "List the invitations that you gave out",
		Example: "  kith invitations",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Invitations(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 {
					e.tell("You gave none out. Make one with: kith invite\n")
				}
				var rows [][]string
				for _, inv := range list {
					kind := "once"
					if inv.Reusable {
						kind = "reusable"
					}
					rows = append(rows, []string{inv.State, kind, "until " + e.stamp(inv.Expires), inv.Line})
				}
				e.table(rows)
			})
		},
	}
}

func newRevokeCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke LINE",
		Short:   "Take an invitation back",
		Example: "  kith revoke kith:AZ3k…",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return c.Revoke(cmd.Context(), pasted(args))
		},
	}
}

func newJoinCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "join LINE",
		Short: "Use an invitation that somebody gave you",
		Long: `Asks whoever made the invitation to become contacts, or to let you into their
sphere, and waits up to ten seconds for their answer.`,
		Example: "  kith join kith:AZ3k…",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			contact, err := c.Join(cmd.Context(), pasted(args))
			if err != nil {
				return err
			}
			e.warn(contact)
			return e.emit(contact, func() {
				who := name(contact.Name)
				switch {
				case contact.SphereLine == node.SphereLetIn:
					e.printf("%s lets you in. See it with: kith spheres\n", who)
				case contact.SphereLine == "" && contact.Relation == kith.Accepted:
					e.printf("You and %s are contacts now.\n", who)
				default:
					e.printf("%s has been asked, or will be as soon as they can be reached.\n", who)
				}
			})
		},
	}
}

// pasted puts a line together again that a mail program broke.
func pasted(args []string) string { return strings.Join(args, "") }
