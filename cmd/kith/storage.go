package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

func newStorageCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "storage",
		Short:   "Show what the node keeps on disk, and where",
		Example: "  kith storage",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			s, err := c.Storage(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(s, func() { e.printStorage(s) })
		},
	}
}

func (e *env) printStorage(s node.Storage) {
	sealed := "not encrypted"
	if s.Encrypted {
		sealed = "encrypted"
	}
	free := "unknown"
	if s.Free >= 0 {
		free = wording.Size(s.Free)
	}
	e.table([][]string{
		{"database", wording.Size(s.Database.Bytes), printable.Line(s.Database.Path) + ", " + sealed},
		{"log", wording.Size(s.Log.Bytes), printable.Line(s.Log.Path)},
		{"other", wording.Size(s.Other), "everything else in " + printable.Line(s.Home)},
		{"together", wording.Size(s.Total), fmt.Sprintf("%d messages in %d conversations", s.Messages, s.Conversations)},
		{"free", free, "on that disk"},
	})
}

func newKeysCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "List the keys of your account",
		Long: `Lists the key of your account and those of its devices, with fingerprints.
Former ones, which were replaced, are refused by everybody.`,
		Example: "  kith keys",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			list, err := c.Keys(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				for _, key := range list {
					e.printKey(key)
				}
			})
		},
	}
}

// printKey prints a key and, below it, its fingerprint and why it is in its
// state.
func (e *env) printKey(key node.Key) {
	state := map[node.KeyState]int{node.KeyIntact: green, node.KeyWaiting: yellow, node.KeyRefused: red}[key.State]
	this := ""
	if key.This && key.Kind == "device" {
		this = ", this one"
	}
	since := ""
	if key.Since != nil {
		since = " since " + e.stamp(*key.Since)
	}
	e.printf("%s %s%s: %s%s\n", key.Kind, name(key.Name), this, e.colour(state, string(key.State)), since)
	e.printf("    %s\n    %s\n", key.Fingerprint, e.colour(faint, printable.Line(key.Reason)))
}
