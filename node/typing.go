package node

import (
	"context"
	"sync"
	"time"

	"kith"
)

// typingLapse is when somebody who said nothing more is taken to have stopped
// writing.
const typingLapse = 10 * time.Second

// typing remembers who writes at present, and where.
type typing struct {
	ctx     context.Context
	publish func(Typing)

	mu      sync.Mutex
	writers map[kith.ConversationID]map[kith.AccountID]*time.Timer // guarded by mu; the timers end it
}

func newTyping(ctx context.Context, publish func(Typing)) *typing {
	return &typing{ctx: ctx, publish: publish, writers: map[kith.ConversationID]map[kith.AccountID]*time.Timer{}}
}

// set notes that somebody writes, still writes, or has stopped.
func (t *typing) set(conv kith.ConversationID, from kith.AccountID, active bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setLocked(conv, from, active)
}

func (t *typing) setLocked(conv kith.ConversationID, from kith.AccountID, active bool) {
	writers := t.writers[conv]
	timer, was := writers[from]
	switch {
	case active && was:
		timer.Reset(typingLapse)
		return
	case active && writers == nil:
		writers = map[kith.AccountID]*time.Timer{}
		t.writers[conv] = writers
		fallthrough
	case active:
		writers[from] = time.AfterFunc(typingLapse, func() { t.set(conv, from, false) })
	case !was:
		return
	default:
		timer.Stop()
		if delete(writers, from); len(writers) == 0 {
			delete(t.writers, conv)
		}
	}
	if t.ctx.Err() == nil {
		t.publish(Typing{Conversation: conv, From: from, Active: active})
	}
}

// gone notes that a link to somebody has ended: they write nowhere.
func (t *typing) gone(from kith.AccountID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for conv := range t.writers {
		t.setLocked(conv, from, false)
	}
}

// active reports whether somebody writes.
func (t *typing) active(conv kith.ConversationID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.writers[conv]) > 0
}
