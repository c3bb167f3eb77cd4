package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newSpheresCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "spheres",
		Short:   "List your spheres, and invitations to some",
		Example: "  kith spheres",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Spheres(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 {
					e.tell("No sphere yet. Make one with: kith sphere new NAME\n")
				}
				var rows [][]string
				for _, s := range list {
					rows = append(rows, []string{e.dot(wording.SphereConnection(s)), name(s.Name), s.ID.String()[:8], wording.Sphere(s, e.now(), e.zone)})
				}
				e.table(rows)
			})
		},
	}
}

func newSphereCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sphere",
		Short: "Make, join and look after spheres",
		Long: `A sphere is people, their room and their folder in one. Write into its room as
to a contact: kith send SPHERE TEXT, kith chat SPHERE.`,
		Example: "  kith sphere new Family\n  kith sphere invite Family bob\n  kith send Family hello",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSphereNewCmd(e), newSphereShowCmd(e), newSphereInviteCmd(e), newSphereJoinCmd(e), newSphereDescribeCmd(e), newSphereMuteCmd(e),
		onSphere(e, "leave SPHERE", "Leave; what was said stays here", "kith sphere leave Family",
			func(ctx context.Context, c *client.Client, args []string) (node.Sphere, error) {
				return c.LeaveSphere(ctx, args[0])
			}, func(s node.Sphere, _ []string) string { return "You left " + name(s.Name) + "." }),
		onMember(e, "remove", "Put somebody out; they get nothing that is written after", (*client.Client).RemoveMember, "is not in %s any more"),
		onMember(e, "promote", "Make a member an admin", (*client.Client).Promote, "is an admin of %s now"),
		onMember(e, "demote", "Make an admin a member again", (*client.Client).Demote, "is a member of %s like others now"),
		onMember(e, "hand-over", "Make a member the creator; you become an admin", (*client.Client).HandOver, "is the creator of %s now"),
		onMember(e, "uninvite", "Take an invitation to a contact back", (*client.Client).Uninvite, "is not invited to %s any more"),
		newSphereDeclineCmd(e))
	return cmd
}

// onSphere makes a command that changes the sphere that its first argument
// names, and says what came of it.
func onSphere(e *env, use, short, example string, change func(context.Context, *client.Client, []string) (node.Sphere, error), said func(node.Sphere, []string) string) *cobra.Command {
	least := len(strings.Fields(use)) - 1
	most := least
	if strings.HasSuffix(use, "…") {
		most = -1
	}
	return &cobra.Command{
		Use: use, Short: short, Example: "  " + example, Args: between(least, most),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			s, err := change(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return e.emit(s, func() { e.printf("%s\n", said(s, args)) })
		},
	}
}

// onMember makes a command about one member of a sphere.
func onMember(e *env, verb, short string, change func(c *client.Client, ctx context.Context, ref, name string) (node.Sphere, error), said string) *cobra.Command {
	return onSphere(e, verb+" SPHERE NAME", short, "kith sphere "+verb+" Family bob",
		func(ctx context.Context, c *client.Client, args []string) (node.Sphere, error) {
			return change(c, ctx, args[0], args[1])
		},
		func(s node.Sphere, args []string) string {
			return name(args[1]) + " " + fmt.Sprintf(said, name(s.Name)) + "."
		})
}

func newSphereNewCmd(e *env) *cobra.Command {
	var p node.SphereProfile
	var public, history bool
	var about string
	cmd := onSphere(e, "new NAME", "Make a sphere", "kith sphere new Family",
		func(ctx context.Context, c *client.Client, args []string) (node.Sphere, error) {
			p.Name, p.About, p.Public, p.FullHistory = &args[0], &about, &public, &history
			return c.NewSphere(ctx, p)
		},
		func(s node.Sphere, _ []string) string {
			return "You made " + name(s.Name) + ". Invite somebody with: kith sphere invite " + s.ID.String()[:8] + " NAME"
		})
	cmd.Flags().BoolVar(&public, "public", false, "every member may invite")
	cmd.Flags().BoolVar(&history, "full-history", false, "new members get all that was ever said")
	cmd.Flags().StringVar(&about, "about", "", "what it is about")
	return cmd
}

func newSphereShowCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "show SPHERE", Short: "Show who is in a sphere", Example: "  kith sphere show Family", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			s, err := c.Sphere(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return e.emit(s, func() {
				e.printf("%s: %s\n", name(s.Name), wording.Sphere(s, e.now(), e.zone))
				if s.About != "" {
					e.printf("%s\n", name(s.About))
				}
				var rows [][]string
				for _, m := range s.Members {
					rows = append(rows, []string{e.dot(m.Connection), memberName(m), m.Role, memberNote(e, m)})
				}
				for _, who := range s.Invited {
					rows = append(rows, []string{" ", name(who), "invited", ""})
				}
				e.table(rows)
			})
		},
	}
}

func memberName(m node.Member) string {
	if m.Me {
		return "You"
	}
	return name(m.Name)
}

func memberNote(e *env, m node.Member) string {
	switch {
	case m.MutedUntil != nil:
		return "muted until " + e.stamp(*m.MutedUntil)
	case m.Relation == kith.Fellow:
		return "not a contact"
	}
	return ""
}

func newSphereInviteCmd(e *env) *cobra.Command {
	var line, qr bool
	var o node.InviteOptions
	expires := span{}
	cmd := &cobra.Command{
		Use:   "invite SPHERE [NAME…]",
		Short: "Invite contacts into a sphere, or make a line for others",
		Long: `Contacts are asked, and come in once they say yes. With --link or --qr a line
is made for somebody who is no contact: whoever has it first comes in, with
--reusable whoever has it.`,
		Example: "  kith sphere invite Family bob\n  kith sphere invite Family --qr",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			if !line && !qr {
				if len(args) == 1 {
					return kith.Errorf(kith.Invalid, "nobody was named to invite; name contacts, or make a line for others with --link")
				}
				s, err := c.InviteToSphere(cmd.Context(), args[0], args[1:])
				if err != nil {
					return err
				}
				return e.emit(s, func() {
					e.printf("Invited into %s. They come in once they say yes.\n", name(s.Name))
				})
			}
			if len(args) > 1 {
				return kith.Errorf(kith.Invalid, "a line is for whoever has it: leave out the names, or leave out --link and --qr")
			}
			o.Expires = expires.Duration
			inv, err := c.InviteLine(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			return e.emit(inv, func() {
				e.printInvitation(inv, qr)
			})
		},
	}
	cmd.Flags().BoolVar(&line, "link", false, "make a line for somebody who is no contact")
	cmd.Flags().BoolVar(&qr, "qr", false, "and show it as a QR code")
	cmd.Flags().BoolVar(&o.Reusable, "reusable", false, "whoever has the line comes in")
	cmd.Flags().Var(&expires, "expires", "how long the line works (default 7d)")
	return cmd
}

func newSphereJoinCmd(e *env) *cobra.Command {
	cmd := onSphere(e, "join SPHERE", "Say yes to an invitation that came in", "kith sphere join Family",
		func(ctx context.Context, c *client.Client, args []string) (node.Sphere, error) {
			return c.JoinSphere(ctx, args[0])
		},
		func(s node.Sphere, _ []string) string {
			if s.State == "member" {
				return "You are in " + name(s.Name) + "."
			}
			return "You come into " + name(s.Name) + " as soon as whoever invited you can be reached."
		})
	joinSphere, joinLine := cmd.RunE, newJoinCmd(e).RunE
	cmd.Use = "join SPHERE|LINE"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.HasPrefix(args[0], "kith:") {
			return joinLine(cmd, args)
		}
		return joinSphere(cmd, args)
	}
	return cmd
}

func newSphereDeclineCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "decline SPHERE", Short: "Say no to an invitation that came in", Example: "  kith sphere decline Family", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return c.DeclineSphere(cmd.Context(), args[0])
		},
	}
}

func newSphereDescribeCmd(e *env) *cobra.Command {
	var newName, about, picture string
	var public, history bool
	cmd := onSphere(e, "describe SPHERE", "Change a sphere's name, picture, description or rules", `kith sphere describe Family --name "The family"`,
		nil, func(s node.Sphere, _ []string) string { return "Changed " + name(s.Name) + "." })
	cmd.Flags().StringVar(&newName, "name", "", "another name")
	cmd.Flags().StringVar(&about, "about", "", "what it is about")
	cmd.Flags().StringVar(&picture, "picture", "", "a JPEG, PNG or WebP file of at most 32 KiB; none takes it away")
	cmd.Flags().BoolVar(&public, "public", false, "every member may invite")
	cmd.Flags().BoolVar(&history, "full-history", false, "new members get all that was ever said")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var p node.SphereProfile
		if picture == "none" {
			p.NoPicture = true
		} else if picture != "" {
			read, err := readPicture(picture)
			if err != nil {
				return err
			}
			p.Picture = &read
		}
		for flag, set := range map[string]func(){
			"name": func() { p.Name = &newName }, "about": func() { p.About = &about },
			"public": func() { p.Public = &public }, "full-history": func() { p.FullHistory = &history },
		} {
			if cmd.Flags().Changed(flag) {
				set()
			}
		}
		if p == (node.SphereProfile{}) {
			return kith.Errorf(kith.Invalid, "nothing to change was named: use --name, --about, --picture, --public or --full-history")
		}
		c, err := e.client()
		if err != nil {
			return err
		}
		s, err := c.DescribeSphere(cmd.Context(), args[0], p)
		if err != nil {
			return err
		}
		return e.emit(s, func() { e.printf("Changed %s.\n", name(s.Name)) })
	}
	return cmd
}

// readPicture reads a picture of a sphere, as far as it may be large.
func readPicture(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, kith.Errorf(kith.NotFound, "read the picture: %w", err)
	}
	defer f.Close()
	read, err := io.ReadAll(io.LimitReader(f, kith.MaxPicture+1))
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "read the picture: %w", err)
	}
	if len(read) > kith.MaxPicture {
		return nil, kith.Errorf(kith.Invalid, "%s is larger than the %d KiB that a picture may have; make it smaller, or choose it in the page, which does that", path, kith.MaxPicture>>10)
	}
	return read, nil
}

func newSphereMuteCmd(e *env) *cobra.Command {
	length := span{}
	cmd := onSphere(e, "mute SPHERE NAME", "Keep a member from writing for 1 to 24 hours", "kith sphere mute Family bob --for 2h",
		func(ctx context.Context, c *client.Client, args []string) (node.Sphere, error) {
			if d := length.Duration; d != 0 && (d < kith.MinMute || d > kith.MaxMute) {
				return node.Sphere{}, kith.Errorf(kith.Invalid, "--for is from 1h to 24h; without it, the muting ends")
			}
			return c.Mute(ctx, args[0], args[1], length.Duration)
		},
		func(s node.Sphere, args []string) string {
			if length.Duration == 0 {
				return name(args[1]) + " can write again."
			}
			return name(args[1]) + " is muted."
		})
	cmd.Flags().Var(&length, "for", "1h to 24h; without it, the muting ends")
	return cmd
}
