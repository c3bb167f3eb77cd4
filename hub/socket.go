package hub

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kith"
	"kith/hubapi"
)

// greetLimit is how long a device may take to say who it is, in all.
const greetLimit = 15 * time.Second

// upgrader makes connections that cost little while nothing is said.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: greetLimit,
	ReadBufferSize:   512,
	WriteBufferSize:  4 << 10,
	WriteBufferPool:  &sync.Pool{},
	Subprotocols:     []string{hubapi.SocketProtocol},
	CheckOrigin:      func(*http.Request) bool { return true }, // see anyOrigin
	Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		problem(w, status, "this is a WebSocket of the protocol "+hubapi.SocketProtocol+": "+reason.Error())
	},
}

// buffers are what frames are read into.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// socket lets a device in. It ends when the device has said who it is: what the
// greeting needed in memory is then free, and a small goroutine goes on.
func (h *Hub) socket(w http.ResponseWriter, r *http.Request) {
	from := h.client(r)
	switch wait, ok := h.limits.request(from, time.Now()); {
	case !ok:
		h.tooMany(w, wait)
		return
	case h.stopping.Load():
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "this hub restarts; try again soon")
		return
	case !h.isHost(r.Host):
		problem(w, http.StatusMisdirectedRequest, "this hub is called "+hubapi.Host(h.url)+", not "+r.Host+"; use that name")
		return
	}
	release := func() {}
	if h.trusted(addressOfRequest(r)) { // else the listener counts it
		var ok bool
		if release, ok = h.limits.connect(from); !ok {
			h.metrics.refused.WithLabelValues("connections").Inc()
			w.Header().Set("Retry-After", "60")
			problem(w, http.StatusTooManyRequests, "too many devices are connected from your address")
			return
		}
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		release()
		return
	}
	d := newDevice(h, ws, r.Host, from, release)
	if err := d.greet(); err != nil {
		h.metrics.refused.WithLabelValues("greetings").Inc()
		ws.Close()
		release()
		return
	}
	go d.read()
}

// greet finds out who is there, and welcomes the device.
func (d *device) greet() error {
	now := time.Now()
	rand.Read(d.nonce[:])
	d.ws.SetReadDeadline(now.Add(greetLimit))
	d.ws.SetReadLimit(hubapi.MaxDeviceFrame)
	if err := d.tell(&hubapi.Challenge{Nonce: d.nonce, Now: now.UnixMilli()}); err != nil {
		return err
	}
	f, err := d.nextFrame()
	if err != nil {
		return err
	}
	hello, ok := f.(*hubapi.Hello)
	if !ok || !hello.Key.Verify(hubapi.HelloMessage(d.nonce, d.host), hello.Signature) {
		d.tell(&hubapi.Refused{Of: hubapi.KindOf(&hubapi.Hello{}), Text: "The greeting is not signed by this device for this connection to " + d.host + "."})
		return kith.Errorf(kith.BadPeer, "a device did not prove who it is")
	}
	d.key = hello.Key
	if until, blocked := d.h.rules.Blocked(d.key, now); blocked {
		d.h.metrics.refused.WithLabelValues("blocked").Inc()
		d.tell(blockedFrame(until))
		return kith.Errorf(kith.Forbidden, "a blocked device came")
	}
	d.ws.SetReadDeadline(time.Time{})
	d.ws.SetPingHandler(d.onPing)
	d.ws.SetCloseHandler(func(int, string) error { return nil }) // the answer comes in order
	// The welcome is first, whoever else has something to say.
	d.send(&hubapi.Welcome{Parts: d.h.partNames(), DeviceTags: uint64(d.h.cfg.Meet.TagsPerDevice)})
	if !d.h.devices.add(d) {
		return errors.New("the hub ends")
	}
	d.sendNotices(hello.Since)
	d.sendSpace()
	// The moderator may have blocked it meanwhile.
	if until, blocked := d.h.rules.Blocked(d.key, now); blocked {
		d.block(until)
	}
	return nil
}

// maxMissed bounds the notices that a device hears when it comes, so that they
// fit into its queue.
const maxMissed = 25

// sendNotices sends what the device missed: the latest, if that is much.
func (d *device) sendNotices(since uint64) {
	missed := d.h.rules.Since(d.key, since)
	for _, n := range missed[max(0, len(missed)-maxMissed):] {
		d.send(n)
	}
}

func blockedFrame(until time.Time) *hubapi.Blocked {
	return &hubapi.Blocked{Until: until.UnixMilli(), Text: "The moderator of this hub keeps this device out for a time."}
}

// tell writes a frame at once. It is for the greeting, before there is a queue.
func (d *device) tell(f hubapi.Frame) error {
	data, err := hubapi.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	d.ws.SetWriteDeadline(time.Now().Add(greetLimit))
	return d.ws.WriteMessage(websocket.BinaryMessage, data)
}

// nextFrame waits for the next frame of a known kind.
func (d *device) nextFrame() (hubapi.Frame, error) {
	for {
		kind, r, err := d.ws.NextReader()
		if err != nil {
			return nil, err
		}
		d.heard.Store(time.Now().Unix())
		if kind != websocket.BinaryMessage {
			return nil, kith.Errorf(kith.BadPeer, "a message came that is not binary")
		}
		f, err := parseFrame(r)
		if f != nil || err != nil {
			return f, err
		}
		if err := d.slowDown(1); err != nil {
			return nil, err
		}
	}
}

func parseFrame(r io.Reader) (hubapi.Frame, error) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return hubapi.ParseFrame(b.Bytes())
}
