// Command kith is the whole program: the node, its page, and the command line
// that speaks to the running node.
//
// A file holds a noun and its commands; each command is a small function that
// asks the node through the API client and prints the answer, for people or,
// with --json, for programs. Two commands are the node itself: up runs it, and
// kith alone starts it in the background. What a command may use of the world
// is in its [env].
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(mainCode()) }

// mainCode ends the context at the first signal; the second one then ends the
// process, as if nobody listened.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, systemEnv(), os.Args[1:])
}
