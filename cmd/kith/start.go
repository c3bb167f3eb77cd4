package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

// startOptions are the flags of kith alone.
type startOptions struct {
	noOpen         bool
	passphraseFile string
}

func (o *startOptions) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.noOpen, "no-open", false, "do not open the page in the browser")
	cmd.Flags().StringVar(&o.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase")
}

// start opens the page of the running node. If none runs it starts one in the
// background: the same program as "kith up --pipe", which outlives this one.
func start(ctx context.Context, e *env, o startOptions) error {
	link, err := e.login(ctx)
	if kith.KindOf(err) == kith.Unreachable {
		link, err = startNode(ctx, e, o)
		if kith.KindOf(err) == kith.Conflict {
			link, err = e.waitForOther(ctx, err)
		}
	}
	if err != nil {
		return err
	}
	if err := ready(e, link); err != nil || o.noOpen {
		return err
	}
	if err := openBrowser(ctx, link); err != nil {
		e.tell("Open this link in your browser; it works once, for five minutes.\n")
	}
	return nil
}

// login gets a link from the running node.
func (e *env) login(ctx context.Context) (string, error) {
	c, err := e.client()
	if err != nil {
		return "", err
	}
	return c.Login(ctx)
}

// waitForOther waits for a node that somebody else is just starting.
func (e *env) waitForOther(ctx context.Context, conflict error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		link, err := e.login(ctx)
		if kith.KindOf(err) != kith.Unreachable {
			return link, err
		}
		select {
		case <-ctx.Done():
			return "", conflict
		case <-tick.C:
		}
	}
}

const maxLog = 8 << 20 // bytes; then it is put aside at the next start

// startNode starts the node in the background and waits until it is ready or
// has said why not. Its standard error is the log in the home.
func startNode(ctx context.Context, e *env, o startOptions) (string, error) {
	home, err := e.homeDir()
	if err != nil {
		return "", err
	}
	log, err := openLog(home)
	if err != nil {
		return "", err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	folders, err := e.foldersDir("") // relative to here, not to the home
	if err != nil {
		return "", err
	}
	child := exec.Command(program, "up", "--no-open", "--pipe", "--home", home, "--folders", folders)
	child.Dir = home
	child.Stderr = log
	detach(child)
	answers, err := child.StdinPipe()
	if err != nil {
		return "", err
	}
	questions, err := child.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := child.Start(); err != nil {
		return "", fmt.Errorf("starting the node: %w", err)
	}
	defer context.AfterFunc(ctx, func() { child.Process.Kill() })()
	link, err := converse(e, o, questions, answers)
	if err == nil {
		return link, child.Process.Release()
	}
	answers.Close()
	child.Wait()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err // the person gave no passphrase
	}
	return "", failure(log.Name(), begin, child.ProcessState.ExitCode())
}

// converse answers the node's questions until it is ready. If the node ends
// first, the error is io.ErrUnexpectedEOF.
func converse(e *env, o startOptions, questions io.Reader, answers io.WriteCloser) (link string, err error) {
	asked := 0
	for lines := bufio.NewScanner(questions); lines.Scan(); {
		if link, ok := strings.CutPrefix(lines.Text(), readyLine); ok {
			return link, nil
		}
		if lines.Text() != passphraseWanted {
			continue
		}
		if asked++; asked > 1 {
			if o.passphraseFile != "" {
				return "", kith.Errorf(kith.Invalid, "the passphrase in %s is wrong", o.passphraseFile)
			}
			e.tell("Wrong passphrase, try again.\n")
		}
		passphrase, err := e.oldPassphrase("Passphrase: ", o.passphraseFile, "--passphrase-file")
		if err != nil {
			return "", err
		}
		fmt.Fprintln(answers, passphrase)
	}
	return "", io.ErrUnexpectedEOF
}

// openLog opens the log of a node in the background, in a home that may be new.
func openLog(home string) (*os.File, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, kith.Errorf(kith.Invalid, "the home %s can't be used: %w", home, err)
	}
	name := filepath.Join(home, node.LogFile)
	if info, err := os.Stat(name); err == nil && info.Size() > maxLog {
		os.Rename(name, name+".old") // what can't be put aside grows on
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "the home %s can't be used: %w", home, err)
	}
	return f, nil
}

// failure is the error that a node in the background ended with: what it said
// since begin in its log, and its exit code.
func failure(log string, begin int64, code int) error {
	kinds := map[int]kith.ErrorKind{exitInvalid: kith.Invalid, exitNotFound: kith.NotFound, exitConflict: kith.Conflict, exitUnreachable: kith.Unreachable}
	said := "it ended without a word"
	if f, err := os.Open(log); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(io.NewSectionReader(f, begin, maxLog)); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "kith: "); ok {
				said = text
			}
		}
	}
	return kith.Errorf(kinds[code], "%s; more may be in %s", said, log)
}
