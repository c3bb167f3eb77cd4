package meet

import (
	"testing"
	"time"

	"kith"
)

// Somebody who asks for a contact just before a short link to them is seen to
// end does not wait for the timetable of those who can't be reached.
func TestAskedForWhileALinkEnds(t *testing.T) {
	a, now := newAgenda(), time.Unix(1000, 0)
	account := kith.AccountID{1}
	a.setTargets([]Target{{Account: account}}, now)
	a.linkChanged(account, true, now)
	now = now.Add(shortLink / 2)
	a.now(account, now)
	a.linkChanged(account, false, now)
	if due := a.contacts[account].due; due.After(now) {
		t.Errorf("the next attempt is in %v", due.Sub(now))
	}
	a.linkChanged(account, true, now)
	a.linkChanged(account, false, now)
	if due := a.contacts[account].due; !due.After(now) {
		t.Error("a link that ends at once is sought again at once, unasked")
	}
}
