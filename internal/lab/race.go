//go:build linux && race

package lab

import (
	"cmp"
	"os"
	"strings"
)

// raceFlags build kith the way the test itself was built: KITH_RACE says it, as
// the Makefile sets it, if it is more than the race detector for everything.
var raceFlags = strings.Fields(cmp.Or(os.Getenv("KITH_RACE"), "-race"))
