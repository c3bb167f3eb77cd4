package dht

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Whoever entered a generation is waited for at its end, and nobody enters after.
func TestGenerationWaitsForWhoEntered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, cancel := context.WithCancel(t.Context())
		g := &generation{life: life, ready: make(chan struct{})}
		if !g.enter() {
			t.Fatal("nobody may enter")
		}
		var ended atomic.Bool
		go func() {
			g.end(cancel)
			ended.Store(true)
		}()
		synctest.Wait()
		if life.Err() == nil || ended.Load() {
			t.Errorf("told of the end: %v; it waits for nobody: %v", life.Err(), ended.Load())
		}
		if g.enter() {
			t.Error("somebody entered at the end")
		}
		g.leave()
		synctest.Wait()
		if !ended.Load() {
			t.Error("it waits for ever")
		}
	})
}
