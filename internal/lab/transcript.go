//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// readyPrefix begins the line by which a node says that it is ready.
const readyPrefix = "Kith is running: "

// A transcript keeps what a node writes and watches for the ready line.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer  // guarded by mu, like all below
	line  int           // where the unfinished line begins in text
	ready chan<- string // gets the URL of the run's ready line; nil once it has
	runs  int
}

// begin opens the record of a run. The channel gets the URL of its ready line.
func (tr *transcript) begin() <-chan string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.runs++
	if tr.runs > 1 {
		fmt.Fprintf(&tr.text, "--- run %d\n", tr.runs)
	}
	tr.line = tr.text.Len()
	ready := make(chan string, 1)
	tr.ready = ready
	return ready
}

// Write takes output of the node, in pieces of any size.
func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(p)
	for {
		line, _, whole := bytes.Cut(tr.text.Bytes()[tr.line:], []byte("\n"))
		if !whole {
			return len(p), nil
		}
		tr.line += len(line) + 1
		if url, ok := strings.CutPrefix(string(line), readyPrefix); ok && tr.ready != nil {
			tr.ready <- strings.TrimSpace(url)
			tr.ready = nil
		}
	}
}

// String gives everything.
func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// tail gives the last part, with a note if something is left out.
func (tr *transcript) tail(most int) string {
	text := tr.String()
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("(the first %d bytes are left out)\n%s", len(text)-most, text[len(text)-most:])
}

func (tr *transcript) contains(words string) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return bytes.Contains(tr.text.Bytes(), []byte(words))
}
