package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"kith"
)

// The groups of commands in the help.
const (
	groupRun      = "run"
	groupPeople   = "people"
	groupMessages = "messages"
	groupFiles    = "files"
	groupLinks    = "links"
	groupKeep     = "keep"
	groupHub      = "hub"
)

// run is the program: it gives the exit code.
func run(ctx context.Context, e *env, args []string) int {
	root := newRootCmd(e)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	report(e.err, err)
	return exitCode(err)
}

func newRootCmd(e *env) *cobra.Command {
	var o startOptions
	root := &cobra.Command{
		Use:   "kith",
		Short: "Your people, your files, nothing in between",
		Long: `Kith talks straight between your devices and those of people you know.

Alone, kith starts the node in the background if none runs, and opens its page
in the browser. The other commands speak to the running node. All of them take
--json, whose shapes "kith help json" lists.`,
		Example: `  kith                              start, and open the page
  kith invite                       print a line to send to somebody
  kith join kith:AZ3k…              use the line that somebody sent you
  kith send bob "see you at eight"
  kith share bob ~/Pictures/beach.jpg
  kith chat bob`,
		Args:          unknownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return start(cmd.Context(), e, o) },
	}
	o.flags(root)
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.PersistentFlags().StringVar(&e.home, "home", "", "folder that holds everything (default: $KITH_HOME, else the platform's data folder)")
	root.PersistentFlags().BoolVar(&e.json, "json", false, "print JSON; see kith help json")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return kith.Errorf(kith.Invalid, "%v; see %s --help", err, cmd.CommandPath())
	})
	addGroup(root, groupRun, "Start and stop:", newUpCmd(e), newDownCmd(e), newVersionCmd(e))
	addGroup(root, groupPeople, "People:", newMeCmd(e), newInviteCmd(e), newInvitationsCmd(e), newRevokeCmd(e), newJoinCmd(e),
		newRequestsCmd(e), newAcceptCmd(e), newRefuseCmd(e), newContactsCmd(e), newRenameCmd(e), newVerifyCmd(e), newRemoveCmd(e),
		newBlockCmd(e), newUnblockCmd(e), newVisibleCmd(e))
	addGroup(root, groupMessages, "Messages:", newChatCmd(e), newSendCmd(e), newLogCmd(e), newReplyCmd(e), newReactCmd(e),
		newEditCmd(e), newDeleteCmd(e), newSearchCmd(e), newReadCmd(e), newDetailsCmd(e),
		newSpheresCmd(e), newSphereCmd(e), newBefriendCmd(e),
		newConversationsCmd(e), newPinCmd(e), newUnpinCmd(e), newArchiveCmd(e), newUnarchiveCmd(e))
	addGroup(root, groupFiles, "Files:", newShareCmd(e), newFilesCmd(e), newFetchCmd(e), newPauseCmd(e), newResumeCmd(e), newDropCmd(e),
		newRecheckCmd(e), newTorrentCmd(e), newOpenCmd(e), newFolderCmd(e), newTransfersCmd(e), newLimitsCmd(e))
	addGroup(root, groupLinks, "Connections:", newStatusCmd(e), newConnectCmd(e), newRetryCmd(e), newHubsCmd(e), newDoctorCmd(e), newConfigCmd(e))
	addGroup(root, groupKeep, "Safekeeping:", newKeysCmd(e), newStorageCmd(e), newPassphraseCmd(e), newBackupCmd(e), newRestoreCmd(e))
	addGroup(root, groupHub, "A helper for others:", newHubCmd(e))
	root.AddCommand(newExitCodesTopic(), newJSONTopic())
	return root
}

func addGroup(root *cobra.Command, id, title string, cmds ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range cmds {
		c.GroupID = id
	}
	root.AddCommand(cmds...)
}

// unknownCommand refuses arguments of a command that only has subcommands, and
// names those that are near.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see " + cmd.CommandPath() + " --help"
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return kith.Errorf(kith.Invalid, "there is no command %q; %s", cmd.CommandPath()+" "+args[0], hint)
}

// between wants least to most arguments; a negative most is any number.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		wrong := "something is missing"
		if len(args) > least {
			wrong = "too many arguments"
		}
		return kith.Errorf(kith.Invalid, "%s; write %s", wrong, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
}
