//go:build linux

package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A figure is one row of the table.
type figure struct {
	what string
	aim  string // empty: it is recorded only
	unit string // of value and p99: "ms", "/s", "MiB", …
	// met tells whether the aim is reached; nil if there is none. p99 is NaN
	// where none was measured.
	met func(value, p99 float64) bool

	values, p99s []float64 // one of each run
}

// figures are all that were measured, in the order of the table. Benchmarks
// run one after another, so nothing guards it.
var figures []*figure

// newFigure begins a row.
func newFigure(f figure) *figure {
	figures = append(figures, &f)
	return &f
}

// add takes the result of one run.
func (f *figure) add(value float64) { f.values = append(f.values, value) }

// addSamples takes the many results of one run.
func (f *figure) addSamples(samples []float64) {
	slices.Sort(samples)
	f.values = append(f.values, samples[len(samples)/2])
	f.p99s = append(f.p99s, samples[len(samples)*99/100])
}

// report also shows the figure among the results of go test.
func (f *figure) report(b *testing.B, name string) {
	b.ReportMetric(0, "ns/op") // a whole run; it says nothing
	unit := strings.ReplaceAll(strings.TrimPrefix(f.unit, "/"), " ", "-")
	b.ReportMetric(median(f.values), name+"-"+unit)
	if len(f.p99s) > 0 {
		b.ReportMetric(median(f.p99s), name+"-p99-"+unit)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// format writes a number with about three digits that mean something.
func (f *figure) format(v float64) string {
	digits := 2
	switch {
	case v >= 100:
		digits = 0
	case v >= 10:
		digits = 1
	}
	text := fmt.Sprintf("%.*f", digits, v)
	if v >= 10_000 {
		text = text[:len(text)-3] + "," + text[len(text)-3:]
	}
	return text + " " + f.unit
}

const tableHead = "| what | aim | median | runs from – to | p99 | runs | met |\n|---|---|---|---|---|---|---|\n"

// row is the figure as a line of the table.
func (f *figure) row() string {
	spread, p99, met := "", "", ""
	if len(f.values) > 1 {
		spread = f.format(slices.Min(f.values)) + " – " + f.format(slices.Max(f.values))
	}
	if len(f.p99s) > 0 {
		p99 = f.format(median(f.p99s))
	}
	if f.met != nil {
		met = "**no**"
		if f.met(median(f.values), median(f.p99s)) {
			met = "yes"
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %d | %s |", f.what, f.aim, f.format(median(f.values)), spread, p99, len(f.values), met)
}

// table writes all that was measured.
func table() string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, f := range figures {
		if len(f.values) > 0 {
			b.WriteString(f.row() + "\n")
		}
	}
	return b.String()
}

// updateDocument replaces the rows of a document that were measured.
func updateDocument(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for _, f := range figures {
		if len(f.values) == 0 {
			continue
		}
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "| "+f.what+" |") })
		if at < 0 {
			return fmt.Errorf("%s has no row that begins with %q: add one by hand", path, f.what)
		}
		lines[at] = f.row()
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644)
}
