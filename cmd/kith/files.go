package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newFilesCmd(e *env) *cobra.Command {
	var limit int
	var of string
	cmd := &cobra.Command{
		Use:   "files [SPHERE|NAME]",
		Short: "List what was shared, newest first",
		Long: `Lists what was shared in a conversation, or in all of them, and how it stands
here, and at your hubs that keep files. With --of it lists the files of one shared
folder or torrent, with their numbers.`,
		Example: "  kith files Family\n  kith files --of abcdefgh",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxLimit {
				return kith.Errorf(kith.Invalid, "--limit is from 1 to %d", maxLimit)
			}
			if of != "" && len(args) > 0 {
				return kith.Errorf(kith.Invalid, "--of names a message already; leave %q out", args[0])
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			if of != "" {
				return e.listEntries(cmd.Context(), c, of)
			}
			ref := strings.Join(args, "")
			list, err := c.Files(cmd.Context(), ref, node.FilesPage{Limit: limit})
			if err != nil {
				return nearly(cmd.Context(), c, err, args...)
			}
			return e.emit(list, func() { e.printFiles(list) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many, at most 500")
	cmd.Flags().StringVar(&of, "of", "", "the files of what this message shares")
	return cmd
}

func (e *env) printFiles(list []node.Message) {
	if len(list) == 0 {
		e.tell("Nothing was shared yet. Share something with: kith share NAME PATH\n")
	}
	var rows [][]string
	for _, m := range list {
		t, called, size, ok := wording.TransferOf(m)
		if !ok {
			continue
		}
		rows = append(rows, []string{m.ID.String()[:shortID], wording.Transfer(t), wording.Size(size), called,
			printable.Truncate(wording.Author(m), 20), e.stamp(m.Sent), e.colour(faint, strings.Join(wording.Notes(m, e.zone), "; "))})
	}
	e.table(rows)
}

func (e *env) listEntries(ctx context.Context, c *client.Client, id string) error {
	list, err := c.FileEntries(ctx, id)
	if err != nil {
		return err
	}
	return e.emit(list, func() {
		var rows [][]string
		for _, f := range list {
			state := fmt.Sprint(wording.Percent(f.Done, f.Size), " %")
			switch {
			case f.Complete:
				state = "here"
			case !f.Wanted: // pieces of it may have come with others
				state = "not fetched"
			case f.First:
				state += ", first"
			}
			rows = append(rows, []string{strconv.Itoa(f.Number), state, wording.Size(f.Size), printable.Line(f.Path)})
		}
		e.table(rows)
	})
}

// onFile makes a command about what one message shares, and says what came of
// it.
func onFile(e *env, verb, short, long string, change func(*client.Client, context.Context, string) (node.Message, error), said string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: short, Long: long, Example: "  kith " + verb + " abcdefgh", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := change(c, cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return e.emit(m, func() {
				_, called, _, _ := wording.TransferOf(m)
				e.printf("%s %s.\n", called, said)
			})
		},
	}
}

func newPauseCmd(e *env) *cobra.Command {
	return onFile(e, "pause", "Neither fetch something nor hand it on for now", "", (*client.Client).PauseFile, "is paused")
}

func newResumeCmd(e *env) *cobra.Command {
	return onFile(e, "resume", "Go on with what was paused", "", (*client.Client).ResumeFile, "goes on")
}

func newDropCmd(e *env) *cobra.Command {
	return onFile(e, "drop", "Delete what was fetched; it is not wanted here", `Deletes what was fetched of it from this device, and does not fetch it again by
itself. What you shared yourself is never deleted: take it back with
"kith delete".`, (*client.Client).DropFile, "is not wanted here any more")
}

func newRecheckCmd(e *env) *cobra.Command {
	return onFile(e, "recheck", "Check what lies on the disk, and fetch what is wrong", "", (*client.Client).VerifyFile, "is being checked")
}

func newOpenCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "open ID [NUMBER]",
		Short: "Open a shared file with the system's program for it",
		Long: `Opens a file with the program that the system has for it. Of a folder, NUMBER
says which file, as "kith files --of ID" lists them; without one the folder is
shown in the file manager.`,
		Example: "  kith open abcdefgh\n  kith open abcdefgh 3",
		Args:    between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			number := 0
			if len(args) == 2 {
				var err error
				if number, err = strconv.Atoi(args[1]); err != nil || number < 0 {
					return kith.Errorf(kith.Invalid, "%q is not the number of a file; see kith files --of %s", args[1], args[0])
				}
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.Message(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if m.File != nil && m.File.Folder && len(args) == 1 {
				return c.RevealFile(cmd.Context(), args[0])
			}
			return c.LaunchFile(cmd.Context(), args[0], number)
		},
	}
}
