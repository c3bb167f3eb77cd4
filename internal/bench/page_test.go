//go:build linux

package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
)

const uiFolder = "../../ui"

// needPage skips a benchmark where there is no page, or nothing to show it.
func needPage(b *testing.B) {
	b.Helper()
	if _, err := os.Stat(filepath.Join(uiFolder, "dist", "index.html")); err != nil {
		b.Skip("the page is not built: make ui")
	}
	if _, err := os.Stat(filepath.Join(uiFolder, "node_modules", "playwright-core")); err != nil {
		b.Skip("what drives the browser is missing: npm ci in ui")
	}
}

// timed is onPage for what is a matter of time: other work on the machine does
// not keep the browser waiting. Chromium sets the niceness of its processes
// itself, so it takes more than goFirst.
func timed(b *testing.B, what string, options map[string]any) map[string][]float64 {
	b.Helper()
	defer beExact()()
	return onPage(b, what, options)
}

// onPage has ui/bench/page.js measure something in Chromium, and gives its
// results by name.
func onPage(b *testing.B, what string, options map[string]any) map[string][]float64 {
	b.Helper()
	text, err := json.Marshal(options)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "node", "bench/page.js", what, string(text))
	cmd.Dir = uiFolder
	cmd.Env = append(os.Environ(), "KITH_BIN="+os.Getenv("KITH_BINARY"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("node bench/page.js %s: %v", what, err)
	}
	results := map[string][]float64{}
	for line := range bytes.Lines(out) {
		var result struct {
			Name   string
			Values []float64
		}
		if err := json.Unmarshal(line, &result); err != nil {
			b.Fatalf("node bench/page.js %s printed %q: %v", what, line, err)
		}
		results[result.Name] = result.Values
	}
	return results
}

// atMost is an aim for a median.
func atMost(most float64) func(float64, float64) bool {
	return func(v, _ float64) bool { return v <= most }
}

// always is an aim for nearly all samples.
func always(most float64) func(float64, float64) bool {
	return func(_, p99 float64) bool { return p99 <= most }
}

// BenchmarkPageSize: the scripts that the first view loads.
func BenchmarkPageSize(b *testing.B) {
	needPage(b)
	f := newFigure(figure{what: "the page: scripts of the first view, gzipped", aim: "≤ 90 kB", unit: "kB", met: atMost(90)})
	script := regexp.MustCompile(`"/([^"]+\.js)"`)
	for b.Loop() {
		index, err := os.ReadFile(filepath.Join(uiFolder, "dist", "index.html"))
		if err != nil {
			b.Fatal(err)
		}
		var size counter
		for _, file := range script.FindAllSubmatch(index, -1) {
			text, err := os.ReadFile(filepath.Join(uiFolder, "dist", string(file[1])))
			if err != nil {
				b.Fatal(err)
			}
			w := gzip.NewWriter(&size) // of its own each, as a server would
			if _, err := w.Write(text); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		}
		f.add(float64(size) / 1000)
	}
	f.report(b, "scripts")
}

// A counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkPage: a thousand conversations, one of them of 100,000 messages.
func BenchmarkPage(b *testing.B) {
	needPage(b)
	first := newFigure(figure{what: "1,000 conversations: the list is painted, after the page's load event", aim: "≤ 300 ms", unit: "ms", met: atMost(300)})
	begin := newFigure(figure{what: "… from when the page is asked for, nothing in the cache", unit: "ms"})
	typing := newFigure(figure{what: "conversation of 100,000 messages: work for a key that is typed", aim: "< 16 ms", unit: "ms", met: always(16)})
	frames := newFigure(figure{what: "… time of a frame while it scrolls by 4,000 pixels/s", aim: "p99 ≤ 33 ms", unit: "ms", met: always(33.5)})
	gaps := newFigure(figure{what: "… frames in which a message was missing", aim: "none", unit: "%", met: atMost(0)})
	heap := newFigure(figure{what: "… scrolled through, each message shown: JavaScript heap after collection", aim: "≤ 150 MiB", unit: "MiB", met: atMost(150)})
	all := newFigure(figure{what: "… memory of the whole tab's process", aim: "≤ 150 MiB", unit: "MiB", met: atMost(150)})
	nodes := newFigure(figure{what: "… nodes of the document", unit: "nodes"})

	h := newPageHome(b, 1000, true)
	ann := startKith(b, h.ann)
	defer ann.stop(b)
	options := func(more map[string]any) map[string]any {
		more["home"], more["name"] = h.ann, "Friend 0"
		return more
	}
	for b.Loop() {
		r := timed(b, "first", options(map[string]any{"runs": 7}))
		first.add(median(r["after load"]))
		begin.add(median(r["shown"]))
		typing.addSamples(timed(b, "typing", options(map[string]any{"keys": 200}))["key"])
		r = timed(b, "scrolling", options(map[string]any{"pixels": 40_000, "speed": 4000}))
		frames.addSamples(r["frame"])
		gaps.add(r["gaps"][0])
	}
	// Once: it takes minutes, and does not vary.
	r := onPage(b, "through", options(map[string]any{"messages": longTalk}))
	heap.add(r["heap"][0])
	all.add(r["process"][0])
	nodes.add(r["nodes"][0])
	first.report(b, "first")
	begin.report(b, "whole")
	typing.report(b, "key")
	frames.report(b, "frame")
	heap.report(b, "heap")
}

// BenchmarkPageArriving: from `send` returned at the sender, whose node has the
// message then and the receiver's does not, to painted on the receiver's page,
// in a conversation of 100,000 messages that is open.
func BenchmarkPageArriving(b *testing.B) {
	needPage(b)
	shown := newFigure(figure{what: "a message arrives: `send` returned there → painted on the page, conversation of 100,000 open", aim: "≤ 50 ms", unit: "ms", met: atMost(50)})
	homes := withBacklog(b)
	annHome, bobHome := copyHome(b, homes.ann), copyHome(b, homes.bob)
	ann, bob := startKith(b, annHome), startKith(b, bobHome)
	defer ann.stop(b)
	defer bob.stop(b)
	c := reach(b, bobHome)
	lab.Eventually(b, time.Minute, func() error {
		got, err := c.Conversation(b.Context(), "Ann")
		if err == nil && got.Unread != backlog {
			err = fmt.Errorf("%d messages are here", got.Unread)
		}
		return err
	})
	if err := c.MarkRead(b.Context(), "Ann", kith.EventID{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		shown.addSamples(timed(b, "arriving", map[string]any{"home": bobHome, "other": annHome, "from": "Ann", "to": "Bob", "messages": 100})["shown"])
	}
	shown.report(b, "shown")
}

// BenchmarkPageCrowd: ten thousand contacts, each with a conversation.
func BenchmarkPageCrowd(b *testing.B) {
	needPage(b)
	first := newFigure(figure{what: "10,000 conversations: the list is painted, after the page's load event", aim: "≤ 300 ms", unit: "ms", met: atMost(300)})
	frames := newFigure(figure{what: "… time of a frame while the list scrolls by 4,000 pixels/s", aim: "p99 ≤ 33 ms", unit: "ms", met: always(33.5)})
	opened := newFigure(figure{what: "… a click on one → its messages are painted", aim: "≤ 100 ms", unit: "ms", met: atMost(100)})
	arrived := newFigure(figure{what: "… a message arrives in one: `send` returned there → painted in the list", aim: "≤ 50 ms", unit: "ms", met: atMost(50)})
	key := newFigure(figure{what: "… work for a key in the field for searching", aim: "< 16 ms", unit: "ms", met: atMost(16)})
	found := newFigure(figure{what: "… the last key → the person is painted among what was found", aim: "≤ 100 ms", unit: "ms", met: atMost(100)})

	h := newPageHome(b, 10_000, false)
	ann, bob := startKith(b, h.ann), startKith(b, h.bob)
	defer ann.stop(b)
	defer bob.stop(b)
	for b.Loop() {
		first.add(median(timed(b, "first", map[string]any{"home": h.ann, "runs": 7})["after load"]))
		r := timed(b, "crowd", map[string]any{"home": h.ann, "other": h.bob, "runs": 15})
		frames.addSamples(r["frame"])
		opened.add(median(r["opened"]))
		arrived.add(median(r["arrived"]))
		key.addSamples(r["search key"])
		found.add(median(r["found"]))
	}
	first.report(b, "first")
	frames.report(b, "frame")
	opened.report(b, "opened")
	arrived.report(b, "arrived")
	key.report(b, "key")
	found.report(b, "found")
}
