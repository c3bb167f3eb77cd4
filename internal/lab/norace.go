//go:build linux && !race

package lab

// raceFlags build kith the way the test itself was built.
var raceFlags []string
