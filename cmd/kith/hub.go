package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/hub"
)

func newHubCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Run a helper server for others, and moderate it",
		Long: `A hub helps devices to find each other and keeps sealed envelopes for those
that are away. It can't read what it carries. One folder holds all of it.

notice, block, unblock, devices and notices speak to the hub that runs in that
folder. A device is what "kith hub devices" calls it, or the beginning of that;
nobody can tell from it who it is.`,
		Example: "  kith hub init /srv/hub --name hub.example.org\n  kith hub run /srv/hub",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHubInitCmd(e), newHubRunCmd(e), newHubDevicesCmd(e), newHubNoticeCmd(e), newHubNoticesCmd(e),
		newHubBlockCmd(e), newHubUnblockCmd(e), newHubTurnCmd(e))
	return cmd
}

func newHubInitCmd(e *env) *cobra.Command {
	var listen, name string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Write the configuration of a new hub, with fresh secrets",
		Long: `Writes DIR/hub.toml, which explains every setting. Without --name and --listen
it is a hub on this machine alone, to try it out. With a name of the internet it
listens on port 443 and gets a certificate by itself. With a name and a loopback
address it stands behind a proxy that does TLS.`,
		Example: "  kith hub init /srv/hub --name hub.example.org\n  kith hub init hub --listen 127.0.0.1:8440",
		Args:    between(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := hub.Init(args[0], listen, name)
			if err != nil {
				return err
			}
			return e.emit(struct {
				Config string `json:"config"`
			}{path}, func() {
				e.printf("%s is written. Read it, then start the hub: kith hub run %s\n", printable.Line(path), printable.Line(args[0]))
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on, with a port, such as :443 or 127.0.0.1:8440")
	cmd.Flags().StringVar(&name, "name", "", "name by which devices reach it, such as hub.example.org")
	return cmd
}

func newHubRunCmd(e *env) *cobra.Command {
	level := "info"
	cmd := &cobra.Command{
		Use:   "run DIR",
		Short: "Run a hub until it is interrupted",
		Long: `Runs the hub of DIR as DIR/hub.toml says. When it is ready, one line on standard
output names its address; everything else goes to standard error. At the end it
finishes what is being left and tells devices to come back.`,
		Example: "  kith hub run /srv/hub",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return kith.Errorf(kith.Invalid, "%q is not a log level: debug, info, warn or error", level)
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return kith.Errorf(kith.Invalid, "the folder %s can't be used: %w", args[0], err)
			}
			log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: l}))
			return hub.Run(cmd.Context(), dir, hub.Options{Log: log, Version: version()}, func(url string) error {
				return e.emit(struct {
					URL string `json:"url"`
				}{url}, func() { e.printf("%s%s\n", hubReadyLine, url) })
			})
		},
	}
	cmd.Flags().StringVar(&level, "log-level", level, "debug, info, warn or error")
	return cmd
}

// hubReadyLine is what the line begins with that tells where the hub is.
const hubReadyLine = "Hub is running: "

func newHubDevicesCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "devices DIR", Short: "List the devices on a hub, and those that are kept out",
		Example: "  kith hub devices /srv/hub",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := hub.NewAdmin(args[0]).Devices(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 {
					e.tell("No device uses this hub yet. They begin with: kith hubs add URL\n")
				}
				var rows [][]string
				for _, d := range list {
					rows = append(rows, []string{printable.Line(d.Name), e.hubDevice(d)})
				}
				e.table(rows)
			})
		},
	}
}

// hubDevice says how a device of a hub does.
func (e *env) hubDevice(d hub.Device) string {
	text := "not connected"
	if d.Connected && d.Since != nil {
		text = "since " + e.stamp(*d.Since)
	}
	if d.Keeps > 0 {
		text += ", keeps " + wording.Size(d.Keeps)
	}
	if d.BlockedUntil != nil {
		text += ", blocked until " + e.stamp(*d.BlockedUntil)
	}
	return text
}

func newHubNoticeCmd(e *env) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "notice DIR TEXT",
		Short: "Say something to everybody on a hub, or to one device",
		Long: `Sends a signed notice at once, and to those who are away when they come. People
can read later what was said.`,
		Example: `  kith hub notice /srv/hub "The hub rests on Sunday from 10 to 11."`,
		Args:    between(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := hub.NewAdmin(args[0]).Notify(cmd.Context(), to, args[1])
			if err != nil {
				return err
			}
			return e.emit(n, func() { e.printf("Notice %d is sent.\n", n.ID) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "one device only")
	return cmd
}

func newHubNoticesCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "notices DIR", Short: "List what was said to devices on a hub",
		Example: "  kith hub notices /srv/hub",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := hub.NewAdmin(args[0]).Notices(cmd.Context())
			if err != nil {
				return err
			}
			return e.emit(list, func() {
				if len(list) == 0 {
					e.tell("Nothing was said yet. Say something with: kith hub notice DIR TEXT\n")
				}
				for _, n := range list {
					to := "everybody"
					if n.To != "" {
						to = n.To
					}
					e.printf("%d  %s  to %s: %s\n", n.ID, e.stamp(n.At), printable.Line(to), printable.Line(n.Text))
				}
			})
		},
	}
}

func newHubBlockCmd(e *env) *cobra.Command {
	length := ""
	cmd := &cobra.Command{
		Use:   "block DIR DEVICE",
		Short: "Keep a device out of a hub for a time",
		Long: `The device hears until when, and its connection ends. What lies in its mailbox
stays there.`,
		Example: "  kith hub block /srv/hub abcdefgh --for 2h\n  kith hub block /srv/hub abcdefgh --for 0",
		Args:    between(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if length == "0" {
				return hubUnblock(cmd.Context(), e, args)
			}
			if length == "" {
				return kith.Errorf(kith.Invalid, "say for how long: --for 30m to --for 24h")
			}
			d, err := parseDuration(length)
			if err != nil {
				return err
			}
			device, err := hub.NewAdmin(args[0]).Block(cmd.Context(), args[1], d)
			if err != nil {
				return err
			}
			return e.emit(device, func() {
				until := time.Time{}
				if device.BlockedUntil != nil {
					until = *device.BlockedUntil
				}
				e.printf("%s is blocked until %s.\n", printable.Line(device.Name), e.stamp(until))
			})
		},
	}
	cmd.Flags().StringVar(&length, "for", "", "30m to 24h; 0 ends the block")
	return cmd
}

func newHubUnblockCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "unblock DIR DEVICE", Short: "End a block of a device on a hub",
		Example: "  kith hub unblock /srv/hub abcdefgh",
		Args:    between(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return hubUnblock(cmd.Context(), e, args) },
	}
}

func hubUnblock(ctx context.Context, e *env, args []string) error {
	device, err := hub.NewAdmin(args[0]).Unblock(ctx, args[1])
	if err != nil {
		return err
	}
	return e.emit(device, func() { e.printf("%s is not blocked any more.\n", printable.Line(device.Name)) })
}

func newHubTurnCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "turn",
		Short: "Fixed users of a hub's relay",
		Long: `Devices get short-lived credentials for the relay from the hub by themselves. A
fixed user is for other programs that speak TURN.`,
		Args:    unknownCommand,
		Example: "  kith hub turn\n  kith hub turn add /srv/hub phone",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "add DIR USER",
		Short:   "Make a user of the relay, or give one another password",
		Long:    "Prints the password, which is kept nowhere. It counts from the hub's next start.",
		Example: "  kith hub turn add /srv/hub phone",
		Args:    between(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			password, err := hub.AddTurnUser(args[0], args[1])
			if err != nil {
				return err
			}
			return e.emit(struct {
				User     string `json:"user"`
				Password string `json:"password"`
			}{args[1], password}, func() {
				e.printf("%s\n", password)
				e.tell("This is the password of %s from the hub's next start on.\n", printable.Line(args[1]))
			})
		},
	})
	return cmd
}
