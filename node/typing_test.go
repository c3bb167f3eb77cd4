package node

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

// Whoever writes in a conversation is told of, also beside others; what they say
// anew keeps only their own mark alive.
func TestSeveralWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, other := kith.ConversationID{1}, kith.ConversationID{2}
		ann, bob := kith.AccountID{1}, kith.AccountID{2}
		var told []string
		marks := newTyping(t.Context(), func(said Typing) {
			told = append(told, fmt.Sprint(said.Conversation[0], said.From[0], said.Active))
		})
		step := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			marks.mu.Lock() // who tells holds it
			defer marks.mu.Unlock()
			if !slices.Equal(told, want) {
				t.Errorf("%s: told %q, want %q", what, told, want)
			}
			told = nil
		}
		marks.set(room, ann, true)
		marks.set(room, bob, true)
		step("both begin", "1 1 true", "1 2 true")
		time.Sleep(typingLapse - time.Second)
		marks.set(room, bob, true)
		step("one goes on")
		time.Sleep(2 * time.Second)
		step("the other one stops", "1 1 false")
		if !marks.active(room) || marks.active(other) {
			t.Error("who writes is not who goes on")
		}
		marks.set(other, bob, true)
		marks.set(room, ann, true)
		step("in two places", "2 2 true", "1 1 true")
		marks.gone(bob)
		slices.Sort(told) // in no order
		step("one is gone", "1 2 false", "2 2 false")
		marks.set(room, ann, false)
		step("the last stops", "1 1 false")
		if marks.active(room) || len(marks.writers) > 0 {
			t.Error("nobody writes, and it is remembered")
		}
	})
}
