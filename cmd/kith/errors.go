package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"kith"
	"kith/cmd/kith/internal/printable"
)

// The exit codes; see the help topic exit-codes.
const (
	exitOK          = 0
	exitInternal    = 1
	exitInvalid     = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnreachable = 5
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// exitCode says how the process ends after err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	switch kith.KindOf(err) {
	case kith.Invalid:
		return exitInvalid
	case kith.NotFound:
		return exitNotFound
	case kith.Conflict, kith.Forbidden:
		return exitConflict
	case kith.Unreachable:
		return exitUnreachable
	}
	return exitInternal
}

// report prints an error for whoever typed the command. It may quote what
// others wrote.
func report(w io.Writer, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(w, "kith: %s\n", printable.Text(err.Error()))
	}
}
