package meet

import (
	"fmt"

	"kith"
)

// state tells how the pursuit of an account stands.
func (a *agenda) state(account kith.AccountID) Attempt {
	c := a.contacts[account]
	if c == nil {
		return Attempt{Phase: Idle}
	}
	s := Attempt{Phase: c.phase(), Tries: c.tries, Ways: []State{c.direct(), a.local(c)}}
	if s.Phase == Waiting {
		s.Next = c.due
	}
	if len(c.failures) > 0 {
		s.LastError = c.failures[0].text
	}
	for _, f := range c.failures {
		if f.way != WayDirect && f.way != WayLAN {
			s.Ways = append(s.Ways, State{Way: f.way, Reason: f.text, Since: c.failed})
		}
	}
	return s
}

func (c *contact) phase() Phase {
	switch {
	case c.linked:
		return Linked
	case c.trying > 0:
		return Connecting
	case len(c.routes()) == 0 && !c.called:
		return Idle
	}
	return Waiting
}

// direct is how dialling known addresses does.
func (c *contact) direct() State {
	s := State{Way: WayDirect}
	switch text := c.failedBy(WayDirect); {
	case len(c.target.Addresses) == 0:
		s.Reason = "No address of theirs is known yet."
	case text != "":
		s.Reason, s.Since = text, c.failed
	default:
		s.Working = true
		s.Reason = fmt.Sprintf("Dials %s.", places(c.target.Addresses))
	}
	return s
}

// local is how the local network does.
func (a *agenda) local(c *contact) State {
	s := State{Way: WayLAN}
	strangers := 0
	for _, in := range a.sweeps.instances {
		if in.key.way == WayLAN && in.owner == nil {
			strangers++
		}
	}
	there := false
	for _, f := range c.finds {
		there = there || f.way == WayLAN
	}
	switch text := c.failedBy(WayLAN); {
	case there && text != "":
		s.Reason, s.Since = text, c.failed
	case there:
		s.Working, s.Reason = true, "They are on the same local network."
	case strangers > 0:
		s.Reason = fmt.Sprintf("Not recognised among the devices with Kith on the local network (%d).", strangers)
	default:
		s.Reason = "No other device with Kith was found on the local network."
	}
	return s
}

func (c *contact) failedBy(way string) string {
	for _, f := range c.failures {
		if f.way == way {
			return f.text
		}
	}
	return ""
}
