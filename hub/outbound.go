package hub

import (
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// An outbound is what waits to be written to a device. A goroutine writes while
// there is something, and ends:
//
//	idle ── send, pong, mail, end ──▶ writing ── nothing left ──▶ idle
//	                                     │
//	                                     └ the end is written, or nothing
//	                                       can be: over
//
// Frames are bounded in bytes: who does not read is cut off. Mail is fetched
// only as it can be written, and counts for nothing here.
type outbound struct {
	mu      sync.Mutex // guards the rest
	frames  [][]byte
	bytes   int
	pongs   *string // the last one that is owed
	ending  []byte  // the close message, once it is to come
	writing bool
	over    bool // nothing is written any more
	gone    bool // nothing is read any more
	boxes   map[hubapi.Key]*openBox
	mailed  int // envelopes that the device has not taken yet
}

const (
	// writeLimit is how long one message may take to be written.
	writeLimit = 20 * time.Second
	// closeLimit is how long the device may take to answer the end.
	closeLimit = 3 * time.Second
)

// send has a frame written soon. It never blocks.
func (d *device) send(f hubapi.Frame) {
	data, err := hubapi.AppendFrame(nil, f)
	if err != nil {
		d.h.log.Error("a frame can't be written", "error", err)
		return
	}
	o := &d.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || o.ending != nil {
		return
	}
	if o.bytes+len(data) > int(d.h.cfg.Limits.QueuePerDevice) {
		d.h.metrics.slowReaders.Inc()
		o.kill(d)
		return
	}
	o.frames = append(o.frames, data)
	o.bytes += len(data)
	o.start(d)
}

// pong answers a ping. Of several that nobody reads, only the last counts.
func (o *outbound) pong(d *device, data string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pongs = &data
	o.start(d)
}

// end says a last word after all else, and ends the connection. Of several
// ends the first counts.
func (o *outbound) end(d *device, code int, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending == nil {
		o.ending = websocket.FormatCloseMessage(code, text)
		o.start(d)
	}
}

// start begins to write if nobody does; mu is held.
func (o *outbound) start(d *device) {
	if !o.writing && !o.over {
		o.writing = true
		go o.write(d)
	}
}

// kill ends the connection at once; mu is held.
func (o *outbound) kill(d *device) {
	o.over = true
	o.frames, o.bytes, o.pongs = nil, 0, nil
	go d.ws.Close() // with TLS it may wait for the network
}

// finish forgets everything, when the reading has ended. A last word that is
// still to be written is; whoever writes it then ends the connection.
func (o *outbound) finish(d *device) {
	o.mu.Lock()
	boxes := o.boxes
	o.boxes, o.gone = nil, true
	if o.ending == nil || o.over {
		o.kill(d)
	}
	o.mu.Unlock()
	for _, b := range boxes {
		b.stop()
	}
}

// write writes until nothing is left.
func (o *outbound) write(d *device) {
	for {
		frames, pong, ending := o.next()
		for _, data := range frames {
			if !d.write(websocket.BinaryMessage, data) {
				return
			}
		}
		if pong != nil && !d.write(websocket.PongMessage, []byte(*pong)) {
			return
		}
		if len(frames) > 0 || pong != nil {
			continue
		}
		if ending != nil {
			o.close(d, ending)
			return
		}
		if mail := d.nextMail(); mail != nil {
			if !d.deliver(mail) {
				return
			}
			continue
		}
		if o.rest() {
			return
		}
	}
}

// next takes what waits. The end is given only after everything else.
func (o *outbound) next() (frames [][]byte, pong *string, ending []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames, pong = o.frames, o.pongs
	o.frames, o.pongs, o.bytes = nil, nil, 0
	return frames, pong, o.ending
}

// rest ends the writing, if nothing came meanwhile.
func (o *outbound) rest() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over && (len(o.frames) > 0 || o.pongs != nil || o.ending != nil || o.hasMail()) {
		return false
	}
	o.writing = false
	return true
}

// write writes one message, and reports whether there may be more.
func (d *device) write(kind int, data []byte) bool {
	d.ws.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := d.ws.WriteMessage(kind, data); err != nil {
		o := &d.out
		o.mu.Lock()
		defer o.mu.Unlock()
		o.kill(d)
		return false
	}
	return true
}

// close writes the last word. The device answers it, which ends the reading;
// closing at once could lose the word on its way.
func (o *outbound) close(d *device, word []byte) {
	d.ws.SetWriteDeadline(time.Now().Add(closeLimit))
	err := d.ws.WriteMessage(websocket.CloseMessage, word)
	d.ws.SetReadDeadline(time.Now().Add(closeLimit))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over, o.writing = true, false
	o.frames, o.bytes, o.pongs = nil, 0, nil
	if err != nil || o.gone {
		o.kill(d)
	}
}
