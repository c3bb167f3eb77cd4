//go:build race

package node

// racing tells that the race detector is in: then everything takes several
// times as long, and simulations are smaller. make simulation runs them whole.
const racing = true
