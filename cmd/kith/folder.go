package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newFolderCmd(e *env) *cobra.Command {
	var path string
	var open bool
	fetch := choice{of: fetches}
	most := quantity{unit: "size", parse: parseBytes}
	cmd := &cobra.Command{
		Use:   "folder SPHERE|NAME",
		Short: "Show or change the folder of a conversation",
		Long: `The files of a conversation lie in a folder of it: what others share comes into
it, and what you put into it is shared. --fetch says what comes by itself: all,
only what is small (see --most), or what you fetch with "kith fetch".`,
		Example: "  kith folder Family --open\n  kith folder Family --fetch small --most 50MB\n  kith folder Family --path /mnt/big/Family",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change node.FolderChange
			flags := cmd.Flags()
			if flags.Changed("path") {
				abs, err := filepath.Abs(path)
				if err != nil || path == "" {
					return kith.Errorf(kith.Invalid, "%q is no folder", path)
				}
				change.Path = &abs
			}
			if flags.Changed("fetch") {
				change.Fetch = &fetch.word
			}
			if flags.Changed("most") {
				change.Most = &most.bytes
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			f, err := c.Folder(cmd.Context(), args[0])
			if err == nil && change != (node.FolderChange{}) {
				f, err = c.SetFolder(cmd.Context(), args[0], change)
			}
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			if open {
				if err := c.RevealFolder(cmd.Context(), args[0]); err != nil {
					return err
				}
			}
			return e.emit(f, func() { e.printFolder(f) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&path, "path", "", "move it there")
	f.Var(&fetch, "fetch", "what is fetched by itself")
	f.Var(&most, "most", "how large small is, such as 50MB")
	f.BoolVar(&open, "open", false, "show it in the file manager; it is made if need be")
	return cmd
}

func (e *env) printFolder(f node.Folder) {
	state := "what is put into it is shared"
	switch {
	case f.Problem != "":
		state = printable.Line(f.Problem)
	case !f.Made:
		state = "not made yet"
	}
	e.table([][]string{
		{"folder", printable.Line(f.Path)},
		{"", state},
		{"fetches", fetchWord(f.Fetch, f.Most)},
	})
	for _, s := range f.Skipped {
		e.printf("  not shared: %s: %s\n", printable.Line(s.Path), printable.Line(s.Reason))
	}
}

// fetchWord says what is fetched by itself.
func fetchWord(fetch string, most int64) string {
	switch fetch {
	case "all":
		return "everything"
	case "small":
		return "what has at most " + wording.Size(most)
	}
	return "only what you ask for"
}
