package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"kith"
	"kith/api"
	"kith/node"
	"kith/web"
)

// upOptions are the flags of kith up.
type upOptions struct {
	listen         string
	noOpen         bool
	passphraseFile string
	logLevel       string
	folders        string
	pipe           bool // a parent answers for the passphrase; see start
}

func newUpCmd(e *env) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the node in the foreground",
		Long: `Runs the node until it is interrupted or "kith down" ends it. When it is
ready, one line on standard output names the address of its page; everything
else goes to standard error.

The files of each conversation lie in a folder of its own below the folder Kith
in your home directory, or in that which --folders or $KITH_FOLDERS names.

$KITH_DHT_ROUTERS lists nodes of the DHT to begin with, as host:port with commas
between them, in place of the well-known ones; "none" is none.`,
		Example: "  kith up --no-open\n  kith up --home /srv/kith --passphrase-file /run/secrets/kith",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback address of the page; port 0 takes that of the last time")
	f.BoolVar(&o.noOpen, "no-open", false, "do not open the page in the browser")
	f.StringVar(&o.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase; - is standard input")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.folders, "folders", "", "where the folder Kith with those of the conversations is made (default: $KITH_FOLDERS, else your home directory)")
	f.BoolVar(&o.pipe, "pipe", false, "")
	f.MarkHidden("pipe")
	return cmd
}

// up runs a node, from the lock on its home to the last goodbye.
func up(ctx context.Context, e *env, o upOptions) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return kith.Errorf(kith.Invalid, "%q is not a log level: debug, info, warn or error", o.logLevel)
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
	ctx, end := context.WithCancel(ctx)
	defer end()
	n, err := openNode(ctx, e, o, log)
	if err != nil {
		return err
	}
	handler := api.New(n, api.Options{Log: log, Version: version(), Shutdown: end})
	server, err := web.Start(context.WithoutCancel(ctx), web.Options{Listen: o.listen, API: handler, Home: n.Home(), Log: log})
	if err != nil {
		return errors.Join(err, n.Close())
	}
	// The server ends last: who waits until nobody answers any more, as kith
	// down does, then finds the home free.
	defer func() { err = errors.Join(err, n.Close(), server.Close()) }()
	if err := ready(e, server.Link()); err != nil {
		return err
	}
	if !o.noOpen {
		if err := openBrowser(ctx, server.Link()); err != nil {
			log.Info("the page could not be opened in a browser; use the link", "error", err)
		}
	}
	<-ctx.Done()
	return nil
}

// ready prints the one line on standard output.
func ready(e *env, link string) error {
	return e.emit(struct {
		URL string `json:"url"`
	}{link}, func() { fmt.Fprintln(e.out, readyLine+link) })
}

// readyLine is what the line begins with that tells where the page is.
const readyLine = "Kith is running: "

// openNode opens the node, and asks for the passphrase anew when it was wrong
// and there is somebody to ask.
func openNode(ctx context.Context, e *env, o upOptions, log *slog.Logger) (*node.Node, error) {
	home, err := e.homeDir()
	if err != nil {
		return nil, err
	}
	folders, err := e.foldersDir(o.folders)
	if err != nil {
		return nil, err
	}
	source, tries := e.passphraseSource(o)
	for {
		asked := false
		n, err := node.Open(ctx, node.Options{
			Home: home, Folders: folders, Log: log, Version: version(),
			Loopback: e.getenv("KITH_LOOPBACK") == "1",

			DHTRouters: e.dhtRouters(),
			Passphrase: func(ctx context.Context) (string, error) {
				passphrase, err := source(ctx)
				asked, tries = err == nil, tries-1
				return passphrase, err
			},
		})
		if err == nil || !asked || tries <= 0 || kith.KindOf(err) != kith.Invalid {
			return n, err
		}
		e.tell("Wrong passphrase, try again.\n")
	}
}
