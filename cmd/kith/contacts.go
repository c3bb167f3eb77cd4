package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/node"
)

// onContact makes a command that changes one contact, which NAME means, and
// says what came of it.
func onContact(e *env, cmd *cobra.Command, change func(context.Context, *client.Client, []string) (node.Contact, error), said func(node.Contact) string) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := e.client()
		if err != nil {
			return err
		}
		contact, err := change(cmd.Context(), c, args)
		if err != nil {
			return nearly(cmd.Context(), c, err, args[0])
		}
		e.warn(contact)
		return e.emit(contact, func() { e.printf("%s\n", said(contact)) })
	}
	return cmd
}

func newContactsCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "contacts",
		Short:   "List your contacts",
		Example: "  kith contacts",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.listContacts(cmd.Context(), func(node.Contact) bool { return true }, "Nobody yet. Invite somebody with: kith invite\n")
		},
	}
}

func newRequestsCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "requests",
		Short:   "List who asks to become a contact",
		Example: "  kith requests",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.listContacts(cmd.Context(), func(c node.Contact) bool { return c.Relation == kith.Asking }, "Nobody asks.\n")
		},
	}
}

func (e *env) listContacts(ctx context.Context, keep func(node.Contact) bool, none string) error {
	c, err := e.client()
	if err != nil {
		return err
	}
	all, err := c.Contacts(ctx)
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(all, func(c node.Contact) bool { return !keep(c) })
	return e.emit(list, func() {
		if len(list) == 0 {
			e.tell("%s", none)
		}
		var rows [][]string
		for _, c := range list {
			rows = append(rows, []string{e.dot(c.Connection), name(c.Name), c.Account.Short(), string(c.Connection), relation(c, e.now(), e.zone)})
		}
		e.table(rows)
		for _, c := range list {
			e.warn(c)
		}
	})
}

func newAcceptCmd(e *env) *cobra.Command {
	return onContact(e, &cobra.Command{
		Use: "accept NAME", Short: "Accept somebody who asks", Example: "  kith accept bob", Args: between(1, 1),
	}, func(ctx context.Context, c *client.Client, args []string) (node.Contact, error) {
		return c.Accept(ctx, args[0])
	}, func(c node.Contact) string { return "You and " + name(c.Name) + " are contacts now." })
}

func newRefuseCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "refuse NAME",
		Short:   "Refuse somebody who asks",
		Long:    `Refuses somebody who asks. They learn nothing of it.`,
		Example: "  kith refuse mallory",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return nearly(cmd.Context(), c, c.Refuse(cmd.Context(), args[0]), args[0])
		},
	}
}

func newRenameCmd(e *env) *cobra.Command {
	return onContact(e, &cobra.Command{
		Use: "rename NAME PETNAME", Short: "Give a contact a name of your own",
		Long:    `Gives a contact a name that only you see. An empty one ("") withdraws it.`,
		Example: "  kith rename robert bob", Args: between(2, 2),
	}, func(ctx context.Context, c *client.Client, args []string) (node.Contact, error) {
		return c.Rename(ctx, args[0], args[1])
	}, func(c node.Contact) string { return "You call them " + name(c.Name) + " now." })
}

func newRemoveCmd(e *env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Short:   "End being contacts; the history stays",
		Example: "  kith remove mallory --yes",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			contact, err := c.Contact(cmd.Context(), args[0])
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			if !yes {
				sure, err := e.ask("Remove "+name(contact.Name)+" ("+contact.Account.Short()+")?", "use --yes")
				if err != nil || !sure {
					return err
				}
			}
			if err := c.Remove(cmd.Context(), contact.Account.String()); err != nil {
				return err
			}
			e.tell("The history stays, under the ID of the conversation: kith log %s\n", contact.Conversation)
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func newBefriendCmd(e *env) *cobra.Command {
	return onContact(e, &cobra.Command{
		Use: "befriend NAME", Short: "Ask somebody of a common sphere to become a contact", Example: "  kith befriend carol", Args: between(1, 1),
	}, func(ctx context.Context, c *client.Client, args []string) (node.Contact, error) {
		return c.Befriend(ctx, args[0])
	}, func(c node.Contact) string {
		return name(c.Name) + " has been asked, or will be as soon as they can be reached."
	})
}
