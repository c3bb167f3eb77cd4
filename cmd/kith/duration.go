package main

import (
	"strconv"
	"strings"
	"time"

	"kith"
)

// parseDuration understands what time.ParseDuration does, and days and weeks:
// 90m, 1h30m, 7d, 2w.
func parseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		const most = float64(1<<63-1) / 2
		if err == nil && n > 0 && n*float64(length) < most {
			return time.Duration(n * float64(length)), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, kith.Errorf(kith.Invalid, "%q is not a length of time, such as 30m, 12h or 7d", s)
	}
	return d, nil
}

// A span is a flag that holds a length of time.
type span struct{ time.Duration }

// Set parses the flag's value.
func (s *span) Set(text string) (err error) {
	s.Duration, err = parseDuration(text)
	return err
}

// String shows the default: nothing, or whole days as such.
func (s *span) String() string {
	const day = 24 * time.Hour
	switch {
	case s.Duration == 0:
		return ""
	case s.Duration%day == 0:
		return strconv.Itoa(int(s.Duration/day)) + "d"
	}
	return s.Duration.String()
}

// Type names the value in the help.
func (s *span) Type() string { return "time" }
