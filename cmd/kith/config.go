package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/node"
)

func newConfigCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show and change what can be switched",
		Example: "  kith config\n  kith config read-marks off\n  kith config ice add stun:stun.example.org:3478",
		Args:    unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			var v struct {
				node.Preferences
				ICE []node.ICEServer `json:"ice_servers"`
			}
			if v.Preferences, err = c.Preferences(cmd.Context()); err != nil {
				return err
			}
			if v.ICE, err = c.ICEServers(cmd.Context()); err != nil {
				return err
			}
			return e.emit(v, func() {
				e.table([][]string{
					{"read-marks", onOff(v.ReadMarks), "tell others what you have read"},
					{"typing-marks", onOff(v.TypingMarks), "tell others that you are writing"},
					{"dht", onOff(v.DHT), "meet contacts by the public DHT of BitTorrent"},
					{"map-ports", onOff(v.MapPorts), "ask the home router to let others in"},
					{"keep-files", string(v.KeepFiles), "what your hubs keep for others while you are away"},
				})
				e.printICE(v.ICE)
			})
		},
	}
	cmd.AddCommand(
		newSwitchCmd(e, "read-marks", "tell others what you have read", func(p *node.Preferences) *bool { return &p.ReadMarks }),
		newSwitchCmd(e, "typing-marks", "tell others that you are writing", func(p *node.Preferences) *bool { return &p.TypingMarks }),
		newSwitchCmd(e, "dht", "meet contacts by the public DHT of BitTorrent", func(p *node.Preferences) *bool { return &p.DHT }),
		newSwitchCmd(e, "map-ports", "ask the home router to let others in", func(p *node.Preferences) *bool { return &p.MapPorts }),
		newKeepFilesCmd(e),
		newICECmd(e))
	return cmd
}

// newKeepFilesCmd makes the command for what hubs keep.
func newKeepFilesCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "keep-files [own|all|off]",
		Short: "Which files your hubs keep for others while you are away",
		Long: `A hub with a seedbox keeps files that it can't read, so that others can fetch
them while this device is away: what you share from now on (own), also what you
have fetched (all), or nothing (off), which takes back what it keeps. They are
given to it in the background, within the limit of what goes up.`,
		Example:   "  kith config keep-files all",
		Args:      between(0, 1),
		ValidArgs: []string{string(node.KeepOwn), string(node.KeepAll), string(node.KeepOff)},
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.prefer(cmd, args, func(p *node.Preferences, word string) error {
				if !slices.Contains(cmd.ValidArgs, word) {
					return kith.Errorf(kith.Invalid, "%q is not something that hubs can keep: say own, all or off", word)
				}
				p.KeepFiles = node.KeepFiles(word)
				return nil
			}, func(p *node.Preferences) string { return string(p.KeepFiles) })
		},
	}
}

// newSwitchCmd makes the command for one preference.
func newSwitchCmd(e *env, word, does string, field func(*node.Preferences) *bool) *cobra.Command {
	return &cobra.Command{
		Use:       word + " [on|off]",
		Short:     "Whether to " + does,
		Example:   "  kith config " + word + " off",
		Args:      between(0, 1),
		ValidArgs: []string{"on", "off"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.prefer(cmd, args, func(p *node.Preferences, word string) (err error) {
				*field(p), err = parseOnOff(word)
				return err
			}, func(p *node.Preferences) string { return onOff(*field(p)) })
		},
	}
}

// prefer changes a preference, if there is an argument, and shows it.
func (e *env) prefer(cmd *cobra.Command, args []string, change func(*node.Preferences, string) error, show func(*node.Preferences) string) error {
	c, err := e.client()
	if err != nil {
		return err
	}
	p, err := c.Preferences(cmd.Context())
	if err != nil {
		return err
	}
	if len(args) == 1 {
		if err := change(&p, args[0]); err != nil {
			return err
		}
		if p, err = c.SetPreferences(cmd.Context(), p); err != nil {
			return err
		}
	}
	return e.emit(p, func() { e.printf("%s\n", show(&p)) })
}

func newICECmd(e *env) *cobra.Command {
	ice := &cobra.Command{
		Use:   "ice",
		Short: "STUN and TURN servers for kith connect",
		Long: `Servers that help two people to find a path after pasted lines: a STUN server
tells a device its outer address, a TURN server relays what it can't read.
None is asked unless you add it.`,
		Example: "  kith config ice add turn:turn.example.org:3478 --username me --password secret",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.changeICE(cmd.Context(), nil) },
	}
	var server node.ICEServer
	add := &cobra.Command{
		Use: "add URL", Short: "Add a server, or change its login", Args: between(1, 1),
		Example: "  kith config ice add stun:stun.example.org:3478",
		RunE: func(cmd *cobra.Command, args []string) error {
			server.URL = args[0]
			return e.changeICE(cmd.Context(), func(list []node.ICEServer) ([]node.ICEServer, error) {
				list = slices.DeleteFunc(list, func(s node.ICEServer) bool { return s.URL == server.URL })
				return append(list, server), nil
			})
		},
	}
	add.Flags().StringVar(&server.Username, "username", "", "for a TURN server")
	add.Flags().StringVar(&server.Password, "password", "", "for a TURN server")
	ice.AddCommand(add,
		&cobra.Command{
			Use: "list", Short: "List the servers", Args: between(0, 0), Example: "  kith config ice list",
			RunE: func(cmd *cobra.Command, _ []string) error { return e.changeICE(cmd.Context(), nil) },
		},
		&cobra.Command{
			Use: "remove URL", Short: "Remove a server", Args: between(1, 1), Example: "  kith config ice remove stun:stun.example.org:3478",
			RunE: func(cmd *cobra.Command, args []string) error {
				return e.changeICE(cmd.Context(), func(list []node.ICEServer) ([]node.ICEServer, error) {
					left := slices.DeleteFunc(slices.Clone(list), func(s node.ICEServer) bool { return s.URL == args[0] })
					if len(left) == len(list) {
						return nil, kith.Errorf(kith.NotFound, "there is no server %q; see kith config ice list", args[0])
					}
					return left, nil
				})
			},
		})
	return ice
}

// changeICE changes the list of servers, if there is a change, and prints it.
func (e *env) changeICE(ctx context.Context, change func([]node.ICEServer) ([]node.ICEServer, error)) error {
	c, err := e.client()
	if err != nil {
		return err
	}
	list, err := c.ICEServers(ctx)
	if err == nil && change != nil {
		if list, err = change(list); err == nil {
			err = c.SetICEServers(ctx, list)
		}
	}
	if err != nil {
		return err
	}
	return e.emit(list, func() { e.printICE(list) })
}

// printICE keeps the passwords to itself.
func (e *env) printICE(list []node.ICEServer) {
	for _, s := range list {
		line := "ice  " + printable.Line(s.URL)
		if s.Username != "" {
			line += "  as " + printable.Line(s.Username)
		}
		e.printf("%s\n", line)
	}
}
