package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

func newPassphraseCmd(e *env) *cobra.Command {
	var oldFile, newFile string
	var remove bool
	cmd := &cobra.Command{
		Use:   "passphrase",
		Short: "Encrypt the store, change the passphrase, or remove it",
		Long: `Encrypts everything that the node keeps on disk with a passphrase, which it
then needs at every start. There is no way back to a forgotten one.`,
		Example: "  kith passphrase\n  kith passphrase --remove",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if remove && newFile != "" {
				return kith.Errorf(kith.Invalid, "--remove and --new-file contradict each other")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			me, err := c.Me(cmd.Context())
			if err != nil {
				return err
			}
			var old, next string
			switch {
			case me.Encrypted:
				if old, err = e.oldPassphrase("Present passphrase: ", oldFile, "--old-file"); err != nil {
					return err
				}
			case remove:
				return kith.Errorf(kith.Conflict, "the store is not encrypted")
			}
			if !remove {
				if next, err = e.newPassphrase(newFile, "--new-file"); err != nil {
					return err
				}
			}
			if err := c.SetPassphrase(cmd.Context(), old, next); err != nil {
				return err
			}
			if remove {
				e.tell("The store is not encrypted any more.\n")
			} else {
				e.tell("The store is encrypted with the new passphrase.\n")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&oldFile, "old-file", "", "file whose first line is the present passphrase")
	cmd.Flags().StringVar(&newFile, "new-file", "", "file whose first line is the new one")
	cmd.Flags().BoolVar(&remove, "remove", false, "end the encryption")
	return cmd
}

func newBackupCmd(e *env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything to an encrypted file",
		Long: `Writes the account with all its keys and history to a new file, encrypted with
a passphrase of its own (by age), and verifies it.`,
		Example: "  kith backup ~/kith-2026-03-04.age",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return kith.Errorf(kith.Invalid, "%s can't be used: %w", args[0], err)
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			passphrase, err := e.newPassphrase(file, "--passphrase-file")
			if err != nil {
				return err
			}
			if err := c.Backup(cmd.Context(), path, passphrase); err != nil {
				return err
			}
			e.tell("Everything is in %s.\n", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "passphrase-file", "", "file whose first line is the passphrase")
	return cmd
}

func newRestoreCmd(e *env) *cobra.Command {
	var file, storeFile string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup back into an empty home",
		Long: `Brings a backup back, all of it or nothing. The home has to be empty and no
node may run on it. What was written after the backup comes again from your
contacts. If the store was encrypted it still is, and its own passphrase is
asked for, too.`,
		Example: "  kith restore ~/kith-2026-03-04.age --home ~/kith-again",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			home, err := e.homeDir()
			if err != nil {
				return err
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return kith.Errorf(kith.Invalid, "%s can't be used: %w", args[0], err)
			}
			if err := backupThere(path); err != nil { // before somebody types for nothing
				return err
			}
			passphrase, err := e.oldPassphrase("Passphrase of the backup: ", file, "--passphrase-file")
			if err != nil {
				return err
			}
			err = node.Restore(cmd.Context(), node.RestoreOptions{
				Home: home, File: path, Passphrase: passphrase,
				Store: func(context.Context) (string, error) {
					return e.oldPassphrase("Passphrase of the store: ", storeFile, "--store-passphrase-file")
				},
			})
			if err != nil {
				return err
			}
			e.tell("Restored to %s.\n", home)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "passphrase-file", "", "file whose first line is the passphrase of the backup")
	cmd.Flags().StringVar(&storeFile, "store-passphrase-file", "", "file whose first line is that of an encrypted store in it")
	return cmd
}

// backupThere tells why there is no backup to read, if there is none.
func backupThere(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return kith.Errorf(kith.Invalid, "the backup can't be read: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return kith.Errorf(kith.Invalid, "%s is a folder, not a backup", path)
	}
	return nil
}
