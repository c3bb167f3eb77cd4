package hub

import (
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// An openBox is a box whose owner is here. What it hears is pulled by who
// writes to the device: told that there is something, it fetches as much as
// may be under way, writes that, and fetches on.
type openBox struct {
	after uint64 // the last envelope that was sent on this connection
	more  bool   // there may be something after it
	stop  func() // watching
}

// Envelopes are fetched in portions, so that a device costs little memory
// while it hears of thousands.
const (
	portion      = 64
	portionBytes = 128 << 10
)

// A delivery is a portion of what lies in a box.
type delivery struct {
	box  hubapi.Key
	mail []mailbox.Envelope
}

// openBoxes opens boxes whose key the device has.
func (d *device) openBoxes(f *hubapi.OpenBox) {
	for i := range f.Boxes {
		box := &f.Boxes[i]
		if d.h.store == nil {
			d.refuse(f, box.Key[:], "This hub has no mailbox.")
			continue
		}
		if !box.Key.Verify(hubapi.BoxMessage(d.nonce, d.host, box.Token), box.Signature) {
			d.refuse(f, box.Key[:], "The signature is not of this box's key for this connection.")
			continue
		}
		d.openBox(f, box)
	}
}

func (d *device) openBox(f *hubapi.OpenBox, box *hubapi.Box) {
	o := &d.out
	o.mu.Lock()
	_, again := o.boxes[box.Key]
	count := len(o.boxes)
	o.mu.Unlock()
	if !again && count >= d.h.cfg.Mailbox.BoxesPerDevice {
		d.refuse(f, box.Key[:], "This device has as many boxes open as the hub allows.")
		return
	}
	mayMake := d.h.limits.mayMakeBox(d.from, time.Now())
	opened, err := d.h.store.Open(d.h.running, box.Key, box.Token, mayMake)
	if kith.KindOf(err) == kith.NotFound && !mayMake {
		d.refuseUntil(f, box.Key[:], "Too many boxes were made from your address; try again tomorrow.", day)
		return
	}
	if err != nil {
		d.refuse(f, box.Key[:], d.told(err))
		return
	}
	if opened.Made {
		d.h.limits.boxMade(d.from, 1, time.Now())
	}
	if !again {
		if err := d.watch(box.Key); err != nil {
			d.refuseUntil(f, box.Key[:], d.told(err), time.Minute)
			return
		}
	}
	d.send(&hubapi.Opened{Box: box.Key, Waiting: uint64(opened.Waiting)})
	d.wake(box.Key)
}

// watch begins to hear of what is left in a box.
func (d *device) watch(box hubapi.Key) error {
	stop, err := d.h.store.Watch(box, func() { d.wake(box) })
	if err != nil {
		return err
	}
	o := &d.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.boxes == nil {
		o.boxes = make(map[hubapi.Key]*openBox)
	}
	o.boxes[box] = &openBox{stop: stop}
	return nil
}

// wake says that there may be something in a box. It never blocks.
func (d *device) wake(box hubapi.Key) {
	o := &d.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if b := o.boxes[box]; b != nil && !o.over {
		b.more = true
		if o.mailed < hubapi.MailWindow {
			o.start(d)
		}
	}
}

// hasMail reports whether mail may be written now; mu is held.
func (o *outbound) hasMail() bool {
	if o.mailed >= hubapi.MailWindow || o.gone || o.ending != nil {
		return false
	}
	for _, b := range o.boxes {
		if b.more {
			return true
		}
	}
	return false
}

// nextMail fetches a portion, or nil if there is none or none may be sent.
func (d *device) nextMail() *delivery {
	for {
		box, after, n := d.out.pick()
		if n == 0 {
			return nil
		}
		mail, err := d.h.store.Fetch(d.h.running, box, after, n, portionBytes)
		if err != nil {
			if d.h.running.Err() == nil {
				d.h.log.Error("a device can't be given its mail", "error", err)
			}
			d.out.end(d, websocket.CloseInternalServerErr, "the mailbox has a fault")
			return nil
		}
		if len(mail) == 0 {
			continue // another box
		}
		d.out.sent(box, mail)
		return &delivery{box, mail}
	}
}

// pick chooses a box that may hold more, and how much of it may be sent.
func (o *outbound) pick() (box hubapi.Key, after uint64, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.hasMail() {
		return box, 0, 0
	}
	for key, b := range o.boxes {
		if b.more {
			b.more = false // what comes from now on sets it again
			return key, b.after, min(portion, hubapi.MailWindow-o.mailed)
		}
	}
	return box, 0, 0
}

// sent notes what is under way. There may be more: only an empty portion is the
// last.
func (o *outbound) sent(box hubapi.Key, mail []mailbox.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mailed += len(mail)
	if b := o.boxes[box]; b != nil {
		b.after = mail[len(mail)-1].ID
		b.more = true
	}
}

// deliver writes a portion, and reports whether there may be more.
func (d *device) deliver(m *delivery) bool {
	for _, e := range m.mail {
		data, err := hubapi.AppendFrame(nil, &hubapi.Mail{Box: m.box, ID: e.ID, Body: e.Body})
		if err != nil {
			d.h.log.Error("an envelope can't be written", "error", err)
			continue
		}
		if !d.write(websocket.BinaryMessage, data) {
			return false
		}
		d.h.metrics.mailed.Inc()
	}
	return true
}

// taken removes what the device has on disk, and goes on with what waits.
func (d *device) taken(f *hubapi.Taken) {
	o := &d.out
	o.mu.Lock()
	_, open := o.boxes[f.Box]
	o.mu.Unlock()
	if !open {
		d.refuse(f, f.Box[:], "This box is not open on this connection.")
		return
	}
	if err := d.h.store.Take(d.h.running, f.Box, f.IDs); err != nil {
		d.refuseUntil(f, f.Box[:], d.told(err), time.Minute)
		return
	}
	d.h.metrics.taken.Add(float64(len(f.IDs)))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mailed = max(0, o.mailed-len(f.IDs))
	if o.hasMail() {
		o.start(d)
	}
}
