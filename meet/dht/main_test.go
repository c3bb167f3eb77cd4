package dht

import (
	"os"
	"runtime"
	"testing"
)

// The tests have one processor. In a bubble of testing/synctest every goroutine
// that looks at a timer whose time has come runs it as the same thread of the
// race detector, which crashes when two do so at once (Go 1.26,
// timer.unlockAndRun). The library's queries begin with such timers, by the
// thousand.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}
