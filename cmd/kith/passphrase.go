package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"kith"
)

// tries is how often a person may mistype a passphrase.
const tries = 3

// passphraseSource says where kith up takes the passphrase from, and how often
// it makes sense to do so.
func (e *env) passphraseSource(o upOptions) (source func(context.Context) (string, error), times int) {
	switch {
	case o.passphraseFile != "":
		return func(context.Context) (string, error) { return e.passphraseFrom(o.passphraseFile) }, 1
	case o.pipe:
		return func(context.Context) (string, error) {
			fmt.Fprintln(e.out, passphraseWanted)
			return e.passphraseFrom("-")
		}, tries
	}
	return func(context.Context) (string, error) { return e.askPassphrase("Passphrase: ", "--passphrase-file") }, tries
}

// passphraseWanted is how kith up --pipe asks its parent.
const passphraseWanted = "passphrase?"

// passphraseFrom reads the first line of a file, or of standard input for "-".
func (e *env) passphraseFrom(file string) (string, error) {
	in := e.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", kith.Errorf(kith.Invalid, "the passphrase can't be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	line, err := firstLine(in)
	switch {
	case errors.Is(err, io.EOF) && file == "-":
		return "", kith.Errorf(kith.Invalid, "a passphrase is needed and standard input has none; use --passphrase-file")
	case err != nil && !errors.Is(err, io.EOF):
		return "", kith.Errorf(kith.Invalid, "the passphrase can't be read: %w", err)
	case len(line) > maxLine:
		return "", kith.Errorf(kith.Invalid, "the passphrase is longer than %d bytes", maxLine)
	case line == "":
		return "", kith.Errorf(kith.Invalid, "the passphrase in %s is empty", file)
	}
	return line, nil
}

// askPassphrase asks on the terminal, without an echo. flag is what to use
// where there is none.
func (e *env) askPassphrase(prompt, flag string) (string, error) {
	fd, ok := terminal(e.in)
	if !ok {
		return "", kith.Errorf(kith.Invalid, "a passphrase is needed and there is no terminal to ask on; use %s", flag)
	}
	fmt.Fprint(e.err, prompt)
	typed, err := term.ReadPassword(fd)
	fmt.Fprintln(e.err)
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "no passphrase was given: %w", err)
	}
	return string(typed), nil
}

// newPassphrase gets a passphrase to set: from the file, or typed twice.
func (e *env) newPassphrase(file, flag string) (string, error) {
	if file != "" {
		return e.passphraseFrom(file)
	}
	first, err := e.askPassphrase("New passphrase: ", flag)
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", kith.Errorf(kith.Invalid, "the passphrase is empty; nothing was changed")
	}
	second, err := e.askPassphrase("Once more: ", flag)
	if err != nil {
		return "", err
	}
	if first != second {
		return "", kith.Errorf(kith.Invalid, "the two are not the same; nothing was changed")
	}
	return first, nil
}

// oldPassphrase gets a passphrase that is in use.
func (e *env) oldPassphrase(prompt, file, flag string) (string, error) {
	if file != "" {
		return e.passphraseFrom(file)
	}
	return e.askPassphrase(prompt, flag)
}
