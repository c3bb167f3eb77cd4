package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/printable"
	"kith/cmd/kith/internal/wording"
	"kith/node"
)

// maxTorrent is what a .torrent file may hold.
const maxTorrent = 10 << 20

// shareOptions are the flags of kith share.
type shareOptions struct {
	caption      string
	keepLocation bool
	torrent      bool
}

func newShareCmd(e *env) *cobra.Command {
	var o shareOptions
	cmd := &cobra.Command{
		Use:   "share SPHERE|NAME PATH...",
		Short: "Share files and folders",
		Long: `Shares files and folders with a contact or a sphere, all of them or none. They
stay where they are, with a link to them in the folder of the conversation. Kith
hands them on as long as it runs, and so does whoever has fetched them. Take a
share back with "kith delete".

Where a photo was taken is taken out of what is sent; your file keeps it. A
magnet link, or a .torrent file with --torrent, passes an ordinary torrent on.`,
		Example: "  kith share bob ~/Pictures/beach.jpg --caption \"day one\"\n  kith share Family ~/Films\n  kith share bob \"magnet:?xt=urn:btih:…\"",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, magnets, torrents, err := shareable(args[1:], o)
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			to, err := c.Conversation(cmd.Context(), args[0])
			if err != nil {
				return nearly(cmd.Context(), c, err, args[0])
			}
			shared, err := e.share(cmd.Context(), c, to.ID, paths, &o)
			for i := 0; i < len(magnets) && err == nil; i++ {
				var m node.Message
				m, err = c.ShareTorrent(cmd.Context(), to.ID.String(), magnets[i], torrents[i], o.caption)
				if err == nil {
					shared, o.caption = append(shared, m), ""
				}
			}
			if err != nil && len(shared) == 0 {
				return err
			}
			// What is shared is told, also if the rest failed.
			if printErr := e.emit(shared, func() { e.printShared(shared) }); err == nil {
				err = printErr
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.caption, "caption", "", "a text beside the first of them")
	f.BoolVar(&o.keepLocation, "keep-location", false, "leave in photos where they were taken")
	f.BoolVar(&o.torrent, "torrent", false, "the paths are .torrent files: pass on what they stand for")
	return cmd
}

// shareable sorts what is to be shared: paths, and for each torrent its link or
// the bytes of its file.
func shareable(args []string, o shareOptions) (paths, magnets []string, torrents [][]byte, err error) {
	for _, arg := range args {
		switch {
		case strings.HasPrefix(strings.ToLower(arg), "magnet:"):
			magnets, torrents = append(magnets, arg), append(torrents, nil)
		case o.torrent:
			text, err := torrentFile(arg)
			if err != nil {
				return nil, nil, nil, err
			}
			magnets, torrents = append(magnets, ""), append(torrents, text)
		default:
			path, err := filepath.Abs(arg)
			if err != nil {
				return nil, nil, nil, kith.Errorf(kith.Invalid, "%s can't be used: %w", arg, err)
			}
			paths = append(paths, path)
		}
	}
	return paths, magnets, torrents, nil
}

func torrentFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "the torrent can't be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTorrent+1))
	switch {
	case err != nil:
		return nil, kith.Errorf(kith.Invalid, "the torrent can't be read: %w", err)
	case len(text) > maxTorrent:
		return nil, kith.Errorf(kith.Invalid, "%s is too large for a .torrent file, which has at most 10 MiB; without --torrent it is shared as it is", path)
	case len(text) == 0:
		return nil, kith.Errorf(kith.Invalid, "%s is empty", path)
	}
	return text, nil
}

// share shares paths, if there are any, and shows on a terminal how far they
// have been read.
func (e *env) share(ctx context.Context, c *client.Client, to kith.ConversationID, paths []string, o *shareOptions) ([]node.Message, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	if _, ok := terminal(e.err); ok && !e.json {
		events := c.Events(watching, "")
		go func() {
			defer close(ended)
			p := progress{out: e.err}
			for event, err := range events {
				if err == nil && event.Sealing != nil && event.Sealing.Conversation == to {
					p.sealing(*event.Sealing)
				}
			}
			p.end()
		}()
	} else {
		close(ended)
	}
	shared, err := c.ShareFiles(ctx, to.String(), node.ShareRequest{Paths: paths, Caption: o.caption, KeepLocation: o.keepLocation})
	o.caption = ""
	stop()
	<-ended
	return shared, err
}

func (e *env) printShared(list []node.Message) {
	var rows [][]string
	for _, m := range list {
		_, called, size, _ := wording.TransferOf(m)
		rows = append(rows, []string{m.ID.String()[:shortID], wording.Size(size), called})
	}
	e.table(rows)
}

// progress is a line on a terminal that changes.
type progress struct {
	out   io.Writer
	shown string // what the line says; empty if there is none
	name  string // of what is being read
}

// show replaces the line.
func (p *progress) show(line string) {
	line = printable.Truncate(line, 78)
	if line == p.shown {
		return
	}
	gap := max(0, printable.Width(p.shown)-printable.Width(line))
	io.WriteString(p.out, "\r"+line+strings.Repeat(" ", gap))
	p.shown = line
}

// end leaves the line as it is.
func (p *progress) end() {
	if p.shown != "" {
		io.WriteString(p.out, "\n")
		p.shown = ""
	}
}

// sealing shows how far a file has been read, on a line of its own.
func (p *progress) sealing(s node.Sealing) {
	if s.Name != p.name {
		p.end()
		p.name = s.Name
	}
	p.show("reading " + name(s.Name) + ", " + wording.Size(s.Total) + ": " + percent(s.Done, s.Total))
	if s.Ended {
		p.end()
		p.name = ""
	}
}
