package swarm

import (
	"context"
	"net"
	"testing"

	"kith"
	"kith/link"
	"kith/link/linktest"
)

// A connection that comes about to a device that was banned meanwhile is none,
// also for the library, which looks whether it is nil.
func TestDialToABannedDevice(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	la, lb := linktest.Pair(ann.peer(), ben.peer(), linktest.Conditions{})
	defer lb.Close(link.Goodbye)
	s := open(t, ann, func(c *Config) {
		c.Listen = ""
		c.Dial = func(ctx context.Context, _ kith.DeviceID) (link.Stream, error) { return la.Open(ctx, link.Swarm) }
	})
	tr := s.add(newRecord(&kith.FileRef{Infohash: kith.Infohash{1}, Size: 1, Files: 1}))
	s.mu.Lock()
	s.banned[ben.peer().Device] = true
	number := s.numberLocked(ben.peer().Device)
	s.mu.Unlock()
	var nc net.Conn
	nc, err := dialer{s}.Dial(t.Context(), syntheticAddr(tr.number, number).String())
	if err == nil || nc != nil {
		t.Errorf("%v, %v", nc, err)
	}
}
