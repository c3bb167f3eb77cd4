package swarm

import (
	"context"
	"net"
	"time"

	"kith"
)

// A Helper keeps shares that it can't read, such as the seedbox of a hub. It is
// fetched from like a member, and judged like one.
type Helper struct {
	// ID stands for it where members have their device. It is made up, and the
	// same for the same helper.
	ID   kith.DeviceID
	Name string // for people
	// Dial makes a connection that speaks BitTorrent's peer protocol.
	Dial func(context.Context) (net.Conn, error)
}

// ConnectHelper names a helper that has pieces of a share. While something of the
// share is wanted it is dialled, again and again; Disconnect forgets it.
func (s *Swarm) ConnectHelper(ih kith.Infohash, h Helper) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.byLink[h.ID] = true // nobody on the way could have changed what it sends
	s.mu.Unlock()
	t.mu.Lock()
	m := t.memberLocked(h.ID)
	m.helper = &h
	m.wait, m.next = 0, time.Time{}
	t.mu.Unlock()
	s.nudge()
	return nil
}

// helper is who stands behind an ID; nil for a device.
func (t *transfer) helper(id kith.DeviceID) *Helper {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.members[id]; m != nil {
		return m.helper
	}
	return nil
}
