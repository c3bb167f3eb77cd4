package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/term"

	"kith"
	"kith/api/client"
)

// An env is what a command may use of the world.
type env struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	environ  []string
	now      func() time.Time
	zone     *time.Location

	home string // --home; see homeDir
	json bool   // --json
}

func systemEnv() *env {
	return &env{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, environ: os.Environ(),
		now: time.Now, zone: time.Local,
	}
}

// homeDir is the folder that holds everything of a node.
func (e *env) homeDir() (string, error) {
	dir := e.home
	if dir == "" {
		dir = e.getenv("KITH_HOME")
	}
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, "kith")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "the home %s can't be used: %w", dir, err)
	}
	return abs, nil
}

// foldersDir is where the folder Kith with those of the conversations is made;
// empty for the person's home directory.
func (e *env) foldersDir(flag string) (string, error) {
	dir := flag
	if dir == "" {
		dir = e.getenv("KITH_FOLDERS")
	}
	if dir == "" {
		return "", nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "the folder %s can't be used: %w", dir, err)
	}
	return abs, nil
}

// client reaches the running node.
func (e *env) client() (*client.Client, error) {
	home, err := e.homeDir()
	if err != nil {
		return nil, err
	}
	return client.Home(home)
}

// emit prints a value for programs, as one line of JSON, or else for people.
func (e *env) emit(v any, people func()) error {
	if !e.json {
		people()
		return nil
	}
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (e *env) printf(format string, args ...any) { fmt.Fprintf(e.out, format, args...) }

// tell prints something beside the result, for people only.
func (e *env) tell(format string, args ...any) {
	if !e.json {
		fmt.Fprintf(e.err, format, args...)
	}
}

// terminal gives the descriptor of a stream that is a terminal.
func terminal(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// ask puts a question to the person, who has to be there.
func (e *env) ask(question, otherwise string) (bool, error) {
	if _, ok := terminal(e.in); !ok {
		return false, kith.Errorf(kith.Invalid, "there is no terminal to ask on; %s", otherwise)
	}
	fmt.Fprintf(e.err, "%s [y/N] ", question)
	line, err := firstLine(e.in)
	if err != nil && err != io.EOF {
		return false, err
	}
	return line == "y" || line == "Y" || line == "yes", nil
}

// colour wraps s in a colour of the terminal's own 16, if it goes to a
// terminal whose person wants colours (see no-color.org).
func (e *env) colour(code int, s string) string {
	if _, ok := terminal(e.out); !ok || e.getenv("NO_COLOR") != "" || e.getenv("TERM") == "dumb" {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, s)
}

// firstLine reads up to the end of a line, byte by byte: what follows is not
// ours.
func firstLine(r io.Reader) (string, error) {
	var line []byte
	b := make([]byte, 1)
	for len(line) <= maxLine {
		n, err := r.Read(b)
		if n == 1 && b[0] == '\n' {
			break
		}
		line = append(line, b[:n]...)
		if err != nil {
			if len(line) == 0 {
				return "", err
			}
			break
		}
	}
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return string(line), nil
}

// maxLine bounds a line that a person types or a file begins with.
const maxLine = 4 << 10

// quiet makes an ending by signal no error, for commands that run until then.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// dhtRouters are the nodes of the DHT to begin with; nil for the well-known ones.
func (e *env) dhtRouters() []string {
	switch list := e.getenv("KITH_DHT_ROUTERS"); list {
	case "":
		return nil
	case "none":
		return []string{}
	default:
		return strings.Split(list, ",")
	}
}
