package hub

import (
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hubapi"
)

// A device is a connection that said who it is. 15,000 of them that are idle
// fit into 150 MB, so think before adding a field.
type device struct {
	h       *Hub
	ws      *websocket.Conn
	key     hubapi.Key
	nonce   hubapi.Hash
	host    string       // what it calls this hub
	since   int64        // Unix seconds
	from    netip.Addr   // for its limits; never written down
	release func()       // its place among the connections
	heard   atomic.Int64 // when it last said something, Unix seconds

	// Owned by the goroutine that reads.
	pace bucket
	tags map[hubapi.Tag]struct{}

	out outbound
}

func newDevice(h *Hub, ws *websocket.Conn, host string, from netip.Addr, release func()) *device {
	d := &device{h: h, ws: ws, host: host, from: from, release: release, since: time.Now().Unix()}
	d.heard.Store(d.since)
	return d
}

// read takes what the device says: one frame, and then a fresh goroutine waits
// for the next. One that has done something keeps the stack that it needed for
// that, 8 KiB, and waiting needs half of it.
func (d *device) read() {
	if d.readOne() {
		go d.read()
		return
	}
	d.gone()
}

// readOne takes one frame, and reports whether there may be more.
func (d *device) readOne() bool {
	f, err := d.nextFrame()
	if err != nil {
		d.ended(err)
		return false
	}
	if d.slowDown(cost(f)) != nil {
		return false
	}
	if err := d.handle(f); err != nil {
		d.h.metrics.refused.WithLabelValues("frames").Inc()
		d.out.end(d, websocket.ClosePolicyViolation, "this device breaks the protocol")
		return false
	}
	return true
}

// ended answers the end in its own way, if there is one.
func (d *device) ended(err error) {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		d.out.end(d, websocket.CloseNormalClosure, "")
	case errors.Is(err, websocket.ErrReadLimit):
		d.h.metrics.refused.WithLabelValues("frames").Inc()
	case kith.KindOf(err) == kith.BadPeer:
		d.h.metrics.refused.WithLabelValues("frames").Inc()
		d.out.end(d, websocket.ClosePolicyViolation, "a frame can't be read")
	}
}

// gone undoes all that the device did.
func (d *device) gone() {
	d.out.finish(d)
	for tag := range d.tags {
		d.h.exchange.Leave(tag, d)
	}
	d.release()
	d.h.devices.remove(d)
}

// cost is how many frames one counts for: checking a signature costs more than
// most of what devices ask for.
func cost(f hubapi.Frame) float64 {
	if open, ok := f.(*hubapi.OpenBox); ok {
		return 1 + float64(len(open.Boxes))/4
	}
	return 1
}

// slowDown lets a device that says too much wait, and with it the other end of
// its connection.
func (d *device) slowDown(cost float64) error {
	rate := float64(d.h.cfg.Limits.FramesPerSecond)
	if rate <= 0 {
		return nil
	}
	for {
		// The burst is what a device says when it comes: all tags and boxes.
		wait, ok := d.pace.take(time.Now(), cost, rate, 4*rate)
		if ok {
			return nil
		}
		d.h.metrics.slowed.Inc()
		select {
		case <-time.After(wait):
		case <-d.h.running.Done():
			return d.h.running.Err()
		}
	}
}

// handle does what a frame asks for. An error ends the connection.
func (d *device) handle(f hubapi.Frame) error {
	switch f := f.(type) {
	case *hubapi.Listen:
		d.listen(f)
	case *hubapi.Note:
		d.note(f)
	case *hubapi.OpenBox:
		d.openBoxes(f)
	case *hubapi.Taken:
		d.taken(f)
	case *hubapi.Publish:
		d.publish(f)
	case *hubapi.AskRelay:
		d.askRelay()
	default:
		return kith.Errorf(kith.BadPeer, "a device sent a %T, which only hubs send", f)
	}
	return nil
}

// listen changes the tags of the device.
func (d *device) listen(f *hubapi.Listen) {
	if d.h.exchange == nil {
		d.refuse(f, nil, "This hub is no meeting point.")
		return
	}
	for _, tag := range f.Remove {
		if _, ok := d.tags[tag]; ok {
			delete(d.tags, tag)
			d.h.exchange.Leave(tag, d)
		}
	}
	for _, tag := range f.Add {
		if _, ok := d.tags[tag]; !ok && len(d.tags) >= d.h.cfg.Meet.TagsPerDevice {
			d.refuse(f, tag[:], "This device listens under as many tags as the hub allows.")
			return
		}
		if err := d.h.exchange.Join(tag, d); err != nil {
			d.refuse(f, tag[:], err.Error())
			continue
		}
		if d.tags == nil {
			d.tags = make(map[hubapi.Tag]struct{})
		}
		d.tags[tag] = struct{}{}
	}
}

// Present implements exchange.Listener.
func (d *device) Present(tag hubapi.Tag) { d.send(&hubapi.Present{Tag: tag}) }

// Note implements exchange.Listener.
func (d *device) Note(tag hubapi.Tag, body []byte) { d.send(&hubapi.Note{Tag: tag, Body: body}) }

func (d *device) note(f *hubapi.Note) {
	if d.h.exchange == nil {
		d.refuse(f, f.Tag[:], "This hub is no meeting point.")
		return
	}
	heard, err := d.h.exchange.Say(d.h.running, f.Tag, d, f.Body)
	if err != nil {
		d.refuse(f, f.Tag[:], d.told(err))
		return
	}
	d.h.metrics.notes.Inc()
	d.send(&hubapi.Sent{Number: f.Number, Heard: uint64(heard)})
}

func (d *device) publish(f *hubapi.Publish) {
	if d.h.store == nil {
		d.refuse(f, f.Name[:], "This hub keeps no bundles.")
		return
	}
	until, err := d.h.store.Publish(d.h.running, d.key, f.Name, f.Body, hubapi.Time(f.Until))
	if err != nil {
		d.refuse(f, f.Name[:], d.told(err))
		return
	}
	end := int64(0)
	if len(f.Body) > 0 {
		end = until.UnixMilli()
	}
	d.send(&hubapi.Published{Name: f.Name, Until: end})
}

func (d *device) askRelay() {
	answer := &hubapi.Relay{URLs: []string{}}
	if d.h.relay != nil {
		r := d.h.relay.Credentials(time.Now(), d.key.String())
		answer = &r
	}
	d.send(answer)
}

// refuse says why something is not done.
func (d *device) refuse(f hubapi.Frame, name []byte, text string) {
	d.refuseUntil(f, name, text, 0)
}

func (d *device) refuseUntil(f hubapi.Frame, name []byte, text string, again time.Duration) {
	d.h.metrics.refused.WithLabelValues("asked").Inc()
	if name == nil {
		name = []byte{}
	}
	text = text[:min(len(text), hubapi.MaxText)]
	d.send(&hubapi.Refused{Of: hubapi.KindOf(f), Name: name, Text: text, Again: uint64(again.Milliseconds())})
}

// told is what a device hears of an error. Faults of ours are logged instead.
func (d *device) told(err error) string {
	if _, ok := statuses[kith.KindOf(err)]; ok {
		return err.Error()
	}
	if d.h.running.Err() == nil {
		d.h.log.Error("something that a device asked for failed", "error", err)
	}
	return "This hub has a fault. Try again later, or use another hub."
}

// onPing answers a ping.
func (d *device) onPing(data string) error {
	d.heard.Store(time.Now().Unix())
	if err := d.slowDown(1); err != nil {
		return err
	}
	d.out.pong(d, data)
	return nil
}

// block tells the device that it is kept out, and ends the connection.
func (d *device) block(until time.Time) {
	d.send(blockedFrame(until))
	d.out.end(d, websocket.ClosePolicyViolation, "blocked")
}

func addressOfRequest(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap()
}
