package main

import (
	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

func newMeCmd(e *env) *cobra.Command {
	var newName string
	cmd := &cobra.Command{
		Use:     "me",
		Short:   "Show who you are, or choose your name",
		Example: "  kith me --name Alice",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			me, err := c.Me(cmd.Context())
			if err == nil && cmd.Flags().Changed("name") {
				me, err = c.SetName(cmd.Context(), newName)
			}
			if err != nil {
				return err
			}
			return e.emit(me, func() { e.printMe(me) })
		},
	}
	cmd.Flags().StringVar(&newName, "name", "", "what others should call you")
	return cmd
}

func (e *env) printMe(me node.Me) {
	called := name(me.Name)
	if called == "" {
		called = `none yet; choose one with "kith me --name NAME"`
	}
	store := "not encrypted"
	if me.Encrypted {
		store = "encrypted"
	}
	e.table([][]string{
		{"name", called},
		{"account", me.Account.String()},
		{"device", me.Device.String()},
		{"visible", onOff(me.Visible)},
		{"store", store},
		{"home", me.Home},
		{"version", me.Version},
	})
}

func newVisibleCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "visible [on|off]",
		Short: "Be found by your contacts, or hide",
		Long: `Hidden, you are found by nobody, and what you send stays pending until you
are visible again. Without an argument it shows which of the two you are.`,
		Example:   "  kith visible off",
		Args:      between(0, 1),
		ValidArgs: []string{"on", "off"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			var me node.Me
			if len(args) == 0 {
				me, err = c.Me(cmd.Context())
			} else {
				var on bool
				if on, err = parseOnOff(args[0]); err == nil {
					me, err = c.SetVisible(cmd.Context(), on)
				}
			}
			if err != nil {
				return err
			}
			return e.emit(me, func() { e.printf("%s\n", onOff(me.Visible)) })
		},
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func parseOnOff(s string) (bool, error) {
	switch s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, kith.Errorf(kith.Invalid, "%q is neither on nor off", s)
}
