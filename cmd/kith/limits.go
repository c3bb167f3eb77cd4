package main

import (
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/node"
)

// limitOptions are the flags of kith limits.
type limitOptions struct {
	down, up, most  quantity
	fetch, torrents choice
	hours           []string
}

func newLimitsCmd(e *env) *cobra.Command {
	o := limitOptions{
		down:     quantity{unit: "speed", parse: parseRate},
		up:       quantity{unit: "speed", parse: parseRate},
		most:     quantity{unit: "size", parse: parseBytes},
		fetch:    choice{of: fetches},
		torrents: choice{of: []string{"on", "off"}},
	}
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Show or set how fast files come and go, and which",
		Long: `Shows the limits of all transfers together, and sets those that are given. For
other limits at some time of the day give --hours FROM-UNTIL=DOWN/UP, once for
each; they replace all there were, and "none" ends them.

With --torrents on, ordinary torrents that others pass on can be fetched, too:
everybody on the internet who fetches the same ones sees your address.`,
		Example: "  kith limits --down 2MB/s --up 500kB/s\n  kith limits --hours 22:00-07:00=none/none\n  kith limits --fetch small --most 50MB",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			hours, err := parseHours(o.hours)
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			t, err := c.Transfers(cmd.Context())
			if err != nil {
				return err
			}
			if s, changed := o.apply(cmd.Flags().Changed, t.Settings, hours); changed {
				if _, err := c.SetTransferSettings(cmd.Context(), s); err != nil {
					return err
				}
				if t, err = c.Transfers(cmd.Context()); err != nil {
					return err
				}
			}
			return e.emit(t.Settings, func() { e.printLimits(t) })
		},
	}
	f := cmd.Flags()
	f.Var(&o.down, "down", "how much may come, such as 2MB/s; none is no limit")
	f.Var(&o.up, "up", "how much may go")
	f.StringArrayVar(&o.hours, "hours", nil, "other limits for a time of the day, such as 22:00-07:00=none/1MB/s")
	f.Var(&o.torrents, "torrents", "whether ordinary torrents are fetched")
	f.Var(&o.fetch, "fetch", "what is fetched by itself where a folder says nothing else")
	f.Var(&o.most, "most", "how large small is, such as 50MB")
	return cmd
}

// apply changes what the flags say.
func (o *limitOptions) apply(given func(flag string) bool, s node.TransferSettings, hours []node.Hours) (node.TransferSettings, bool) {
	changed := false
	set := func(flag string, change func()) {
		if given(flag) {
			changed = true
			change()
		}
	}
	set("down", func() { s.Down = o.down.bytes })
	set("up", func() { s.Up = o.up.bytes })
	set("most", func() { s.Most = o.most.bytes })
	set("fetch", func() { s.Default = o.fetch.word })
	set("torrents", func() { s.Torrents = o.torrents.word == "on" })
	set("hours", func() { s.Hours = hours })
	return s, changed
}

// parseHours understands FROM-UNTIL=DOWN/UP; a single "none" is an empty list.
func parseHours(list []string) ([]node.Hours, error) {
	hours := []node.Hours{}
	if len(list) == 1 && list[0] == "none" {
		return hours, nil
	}
	for _, text := range list {
		times, speeds, ok := strings.Cut(text, "=")
		from, until, alsoOK := strings.Cut(times, "-")
		h := node.Hours{From: strings.TrimSpace(from), Until: strings.TrimSpace(until)}
		var err error
		if ok = ok && alsoOK; ok {
			h.Limits, err = parseLimits(speeds)
		}
		if !ok || err != nil || !isClock(h.From) || !isClock(h.Until) {
			return nil, kith.Errorf(kith.Invalid, "%q are no hours; write them as 22:00-07:00=2MB/500kB", text)
		}
		hours = append(hours, h)
	}
	return hours, nil
}

// parseLimits understands DOWN/UP, each with or without a /s of its own.
func parseLimits(text string) (l node.Limits, err error) {
	parts := strings.Split(strings.ReplaceAll(text, "/s", ""), "/")
	if len(parts) != 2 {
		return l, kith.Errorf(kith.Invalid, "%q are no two speeds", text)
	}
	if l.Down, err = parseRate(parts[0]); err == nil {
		l.Up, err = parseRate(parts[1])
	}
	return l, err
}

// isClock tells a time of the day, as 07:00.
func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && s[:2] >= "00" && s[:2] <= "23" && s[3:] >= "00" && s[3:] <= "59" &&
		strings.Trim(s, "0123456789") == ":"
}

func (e *env) printLimits(t node.Transfers) {
	s := t.Settings
	rows := [][]string{{"down", limit(s.Down)}, {"up", limit(s.Up)}}
	for _, h := range s.Hours {
		rows = append(rows, []string{printable.Line(h.From + "-" + h.Until), "down " + limit(h.Down) + ", up " + limit(h.Up)})
	}
	e.table(append(rows,
		[]string{"now", "down " + limit(t.Now.Down) + ", up " + limit(t.Now.Up)},
		[]string{"fetches", fetchWord(s.Default, s.Most)},
		[]string{"torrents", onOff(s.Torrents)}))
}
