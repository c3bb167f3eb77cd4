package main

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"kith"
	"kith/api/client"
	"kith/cmd/kith/internal/printable"
)

// nearly adds to an error about a name that nobody has the names that are
// near.
func nearly(ctx context.Context, c *client.Client, err error, refs ...string) error {
	if err == nil || kith.KindOf(err) != kith.NotFound {
		return err
	}
	contacts, listErr := c.Contacts(ctx)
	if listErr != nil {
		return err // the first error tells more
	}
	var names []string
	for _, contact := range contacts {
		names = append(names, contact.Name, contact.OwnName)
	}
	var near []string
	for _, ref := range refs {
		near = append(near, nearest(ref, names)...)
	}
	if len(near) == 0 {
		return err
	}
	for i := range near {
		near[i] = printable.Line(near[i])
	}
	return kith.Errorf(kith.NotFound, "%w; did you mean %s?", err, strings.Join(near, " or "))
}

// nearest finds the names that differ from ref by no more than a third of its
// letters, or go on from it.
func nearest(ref string, names []string) []string {
	ref = strings.ToLower(ref)
	var near []string
	for _, name := range names {
		lower := strings.ToLower(name)
		if lower == "" || lower == ref || slices.Contains(near, name) {
			continue
		}
		if strings.HasPrefix(lower, ref) || distance(ref, lower) <= max(1, utf8.RuneCountInString(ref)/3) {
			near = append(near, name)
		}
	}
	return near[:min(len(near), 3)]
}

// distance is how many letters have to be inserted, left out or replaced to
// make b of a (Levenshtein 1966).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if len(to) > 2*len(from)+2 || len(from) > 2*len(to)+2 {
		return len(from) + len(to) // too far to be worth counting
	}
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range to {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
