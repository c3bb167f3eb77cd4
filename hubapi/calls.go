package hubapi

import (
	"context"
	"slices"
	"time"

	"kith"
)

// heard takes one frame of the hub.
func (c *Client) heard(_ *conn, f Frame) error {
	switch f := f.(type) {
	case *Present:
		c.opt.Events.Present(f.Tag)
	case *Note:
		c.opt.Events.Note(f.Tag, f.Body)
	case *Mail:
		c.opt.Events.Mail(*f)
	case *Sent:
		c.mu.Lock()
		answer := c.pending[f.Number]
		delete(c.pending, f.Number)
		c.mu.Unlock()
		if answer != nil {
			answer <- f.Heard
		}
	case *Published:
		c.answerPublish(f.Name, publishing{until: Time(f.Until)})
	case *Relay:
		c.mu.Lock()
		c.relay = *f
		c.mu.Unlock()
		c.opt.Events.Relay(*f)
	case *Space:
		c.mu.Lock()
		c.space = *f
		c.mu.Unlock()
		c.opt.Events.Space(*f)
	case *Notice:
		c.mu.Lock()
		c.since = max(c.since, f.ID)
		c.mu.Unlock()
		c.opt.Events.Notice(*f)
	case *Blocked:
		return &keptOut{Time(f.Until), f.Text}
	case *Refused:
		if name, ok := hash(f.Name); ok && f.Of == KindOf(&Publish{}) {
			c.answerPublish(name, publishing{err: kith.Errorf(kith.Unreachable, "the hub %s refuses: %s", c.host, f.Text)})
		}
		c.opt.Log.Debug("a hub refuses", "kind", f.Of, "text", f.Text)
	}
	return nil
}

func hash(b []byte) (h Hash, ok bool) {
	if len(b) != len(h) {
		return h, false
	}
	return Hash(b), true
}

func (c *Client) answerPublish(name Hash, p publishing) {
	c.mu.Lock()
	answer := c.publish[name]
	delete(c.publish, name)
	c.mu.Unlock()
	if answer != nil {
		answer <- p
	}
}

// SetTags replaces the tags under which the device listens.
func (c *Client) SetTags(tags []Tag) {
	c.telling.Lock()
	defer c.telling.Unlock()
	wanted := make(map[Tag]bool, len(tags))
	var add, remove []Tag
	c.mu.Lock()
	for _, tag := range tags {
		if !c.tags[tag] && !wanted[tag] {
			add = append(add, tag)
		}
		wanted[tag] = true
	}
	for tag := range c.tags {
		if !wanted[tag] {
			remove = append(remove, tag)
		}
	}
	c.tags = wanted
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		conn.listen(add, remove)
	}
}

// SetBoxes replaces the boxes of the device. Those that left stay open until
// the connection ends.
func (c *Client) SetBoxes(boxes []OwnBox) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	var opened []OwnBox
	have := make(map[Key]bool, len(c.boxes))
	for _, b := range c.boxes {
		have[KeyOf(b.Key)] = true
	}
	for _, b := range boxes {
		if !have[KeyOf(b.Key)] {
			opened = append(opened, b)
		}
	}
	c.boxes = boxes
	conn := c.conn
	mailbox := conn != nil && slices.Contains(c.state.Parts, PartMailbox)
	c.mu.Unlock()
	if mailbox {
		conn.open(opened)
	}
}

// Note says something under a tag and tells how many heard it. A hub that does
// not answer within seconds is taken for gone, and connected to anew.
func (c *Client) Note(ctx context.Context, tag Tag, body []byte) (heard int, err error) {
	conn, err := c.current()
	if err != nil {
		return 0, err
	}
	answer := make(chan uint64, 1)
	c.mu.Lock()
	c.number++
	number := c.number
	c.pending[number] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, number)
		c.mu.Unlock()
	}()
	if err := conn.send(&Note{Number: number, Tag: tag, Body: body}); err != nil {
		return 0, err
	}
	select {
	case n, ok := <-answer:
		if !ok {
			return 0, kith.Errorf(kith.Unreachable, "the connection to the hub %s was lost", c.host)
		}
		return int(min(n, 1<<20)), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(patience):
		conn.close()
		return 0, kith.Errorf(kith.Unreachable, "the hub %s does not answer any more", c.host)
	}
}

// Taken takes envelopes out of a box: they are on disk here.
func (c *Client) Taken(box Key, ids ...uint64) {
	if conn, err := c.current(); err == nil && len(ids) > 0 {
		conn.send(&Taken{Box: box, IDs: ids}) // if it is lost they come again
	}
}

// Publish keeps a bundle at the hub, or withdraws it if it is empty, and tells
// until when it is kept.
func (c *Client) Publish(ctx context.Context, name Hash, bundle []byte, until time.Time) (time.Time, error) {
	conn, err := c.current()
	if err != nil {
		return time.Time{}, err
	}
	answer := make(chan publishing, 1)
	c.mu.Lock()
	if old := c.publish[name]; old != nil {
		old <- publishing{err: kith.Errorf(kith.Conflict, "replaced by a newer one")}
	}
	c.publish[name] = answer
	c.mu.Unlock()
	if err := conn.send(&Publish{Name: name, Body: bundle, Until: until.UnixMilli()}); err != nil {
		return time.Time{}, err
	}
	select {
	case p := <-answer:
		return p.until, p.err
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// Relay gives the hub's STUN and TURN servers, with credentials that are still
// good; no URLs if there are none.
func (c *Client) Relay() Relay {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(Time(c.relay.Until)) {
		return Relay{}
	}
	return c.relay
}

// Space gives what the hub's seedbox said last, with a token that is still good;
// the zero Space if there is none.
func (c *Client) Space() Space {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(Time(c.space.Until)) {
		return Space{}
	}
	return c.space
}
