package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// torrentOptions are the flags of kith torrent.
type torrentOptions struct {
	sequential, firstLast choice
	ratio                 float64
	first, want, skip     []string
}

func newTorrentCmd(e *env) *cobra.Command {
	onOrOff := choice{of: []string{"on", "off"}}
	o := torrentOptions{sequential: onOrOff, firstLast: onOrOff}
	cmd := &cobra.Command{
		Use:   "torrent ID",
		Short: "Show an ordinary torrent and its magnet link, or how it is fetched",
		Long: `Shows an ordinary torrent that somebody passed on, with its magnet link for
other programs, and changes how it is fetched and given on. Its files are named
as "kith files --of ID" lists them; those that are not named stay as they are.`,
		Example: "  kith torrent abcdefgh --sequential on --ratio 2\n  kith torrent abcdefgh --skip sample.mkv --first 01.mkv",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			m, err := c.Message(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if m.Torrent == nil {
				return kith.Errorf(kith.Invalid, "message %s passes no ordinary torrent on", args[0])
			}
			if wish, changed := o.apply(cmd.Flags().Changed, m.Torrent.Options); changed {
				if m, err = c.SetTorrentOptions(cmd.Context(), args[0], wish); err != nil {
					return err
				}
			}
			return e.emit(m, func() { e.printTorrent(m) })
		},
	}
	f := cmd.Flags()
	f.Var(&o.sequential, "sequential", "from the beginning to the end")
	f.Var(&o.firstLast, "first-last", "the first and last piece of each file before the others")
	f.Float64Var(&o.ratio, "ratio", 0, "give it on until so many times its size has gone; 0 is no bound")
	f.StringArrayVar(&o.first, "first", nil, "fetch this file before the others")
	f.StringArrayVar(&o.want, "want", nil, "fetch this file like any other")
	f.StringArrayVar(&o.skip, "skip", nil, "do not fetch this file")
	return cmd
}

// apply changes what the flags say.
func (o *torrentOptions) apply(given func(flag string) bool, t node.TorrentOptions) (node.TorrentOptions, bool) {
	changed := false
	set := func(flag string, change func()) {
		if given(flag) {
			changed = true
			change()
		}
	}
	set("sequential", func() { t.Sequential = o.sequential.word == "on" })
	set("first-last", func() { t.FirstLast = o.firstLast.word == "on" })
	set("ratio", func() { t.Ratio = o.ratio })
	t.Files = map[string]string{}
	for _, named := range []struct {
		priority string
		paths    []string
	}{{"skip", o.skip}, {"normal", o.want}, {"high", o.first}} {
		for _, path := range named.paths {
			changed = true
			t.Files[path] = named.priority
		}
	}
	return t, changed
}

func (e *env) printTorrent(m node.Message) {
	t, called, size, _ := wording.TransferOf(m)
	o := m.Torrent.Options
	bound := "no bound"
	if o.Ratio > 0 {
		bound = fmt.Sprintf("until %s times its size has gone", strconv.FormatFloat(o.Ratio, 'f', -1, 64))
	}
	state := wording.Transfer(t)
	if reason := wording.Reason(t); reason != "" {
		state += ". " + reason
	}
	e.table([][]string{
		{"torrent", called},
		{"size", wording.Size(size)},
		{"state", state},
		{"sequential", onOff(o.Sequential)},
		{"first-last", onOff(o.FirstLast)},
		{"ratio", bound},
		{"magnet", printable.Line(m.Torrent.Magnet)},
	})
}
