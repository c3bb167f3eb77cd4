package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"

	"kith"
	"kith/cmd/kith/internal/wording"
)

// parseBytes understands a number of bytes: 100MB is 100 million, 2GiB is two
// times 2^30.
func parseBytes(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, kith.Errorf(kith.Invalid, "%q is not a number of bytes, such as 500kB, 100MB or 2GiB", s)
	}
	return int64(n), nil
}

// parseRate understands bytes a second, with or without /s, and "none" for no
// limit.
func parseRate(s string) (int64, error) {
	text := strings.TrimSpace(s)
	if text == "none" {
		return 0, nil
	}
	n, err := parseBytes(strings.TrimSuffix(text, "/s"))
	if err != nil {
		return 0, kith.Errorf(kith.Invalid, "%q is not a speed, such as 500kB/s or 2MiB/s; none is no limit", s)
	}
	return n, nil
}

// limit is a limit of speed in words.
func limit(bytes int64) string {
	if bytes == 0 {
		return "no limit"
	}
	return wording.Size(bytes) + "/s"
}

// quantity is a flag that holds a number of bytes, or of bytes a second.
type quantity struct {
	bytes int64
	unit  string // of the help
	parse func(string) (int64, error)
}

// Set parses the flag's value.
func (q *quantity) Set(text string) (err error) {
	q.bytes, err = q.parse(text)
	return err
}

// String shows that there is no default.
func (q *quantity) String() string { return "" }

// Type names the value in the help.
func (q *quantity) Type() string { return q.unit }

// choice is a flag that holds one of some words.
type choice struct {
	word string
	of   []string
}

// Set checks the flag's value.
func (c *choice) Set(text string) error {
	for _, word := range c.of {
		if text == word {
			c.word = text
			return nil
		}
	}
	return fmt.Errorf("it is one of %s", strings.Join(c.of, ", "))
}

// String shows that there is no default.
func (c *choice) String() string { return "" }

// Type names the values in the help.
func (c *choice) Type() string { return strings.Join(c.of, "|") }

// fetches are the answers to what of others' files is fetched by itself.
var fetches = []string{"all", "small", "click"}
