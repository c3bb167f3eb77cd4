package hubapi

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kith"
)

// A conn is one WebSocket to a hub. One goroutine reads; any may send.
type conn struct {
	ws    *websocket.Conn
	host  string
	nonce Hash
	wmu   sync.Mutex // held while writing a frame
}

func newConn(ws *websocket.Conn, host string) *conn {
	ws.SetReadLimit(MaxFrame)
	return &conn{ws: ws, host: host}
}

// greet answers the challenge and waits for the welcome.
func (c *conn) greet(key ed25519.PrivateKey, since uint64) (*Welcome, error) {
	c.ws.SetReadDeadline(time.Now().Add(greetLimit))
	f, err := c.read()
	if err != nil {
		return nil, err
	}
	challenge, ok := f.(*Challenge)
	if !ok {
		return nil, kith.Errorf(kith.BadPeer, "the hub %s does not greet as hubs do", c.host)
	}
	c.nonce = challenge.Nonce
	hello := &Hello{Key: KeyOf(key), Signature: ed25519.Sign(key, HelloMessage(c.nonce, c.host)), Since: since}
	if err := c.send(hello); err != nil {
		return nil, err
	}
	if f, err = c.read(); err != nil {
		return nil, err
	}
	switch f := f.(type) {
	case *Welcome:
		c.alive(silence)
		c.ws.SetPongHandler(func(string) error { c.alive(silence); return nil })
		return f, nil
	case *Blocked:
		return nil, &keptOut{Time(f.Until), f.Text}
	case *Refused:
		return nil, kith.Errorf(kith.Unreachable, "the hub %s refuses: %s", c.host, f.Text)
	}
	return nil, kith.Errorf(kith.BadPeer, "the hub %s does not greet as hubs do", c.host)
}

// alive allows so much silence from now on.
func (c *conn) alive(d time.Duration) { c.ws.SetReadDeadline(time.Now().Add(d)) }

// read gives the next frame of a known kind.
func (c *conn) read() (Frame, error) {
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) && closed.Code == websocket.CloseServiceRestart {
				return nil, kith.Errorf(kith.Unreachable, "the hub %s restarts", c.host)
			}
			return nil, kith.Errorf(kith.Unreachable, "the connection to the hub %s was lost: %w", c.host, err)
		}
		if kind != websocket.BinaryMessage {
			continue // of a later version
		}
		f, err := ParseFrame(data)
		if err != nil {
			return nil, err
		}
		if f != nil {
			return f, nil
		}
	}
}

// send writes a frame. A connection that takes none any more is closed: its
// reader then hears of it.
func (c *conn) send(f Frame) error {
	data, err := AppendFrame(nil, f)
	if err != nil {
		return err
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.ws.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := c.ws.WriteMessage(websocket.BinaryMessage, data); err != nil {
		c.close()
		return kith.Errorf(kith.Unreachable, "the connection to the hub %s was lost: %w", c.host, err)
	}
	return nil
}

// listen changes the tags, in as many frames as it takes.
func (c *conn) listen(add, remove []Tag) {
	for len(add)+len(remove) > 0 {
		a, r := min(len(add), MaxTags), min(len(remove), MaxTags)
		if c.send(&Listen{Add: add[:a], Remove: remove[:r]}) != nil {
			return
		}
		add, remove = add[a:], remove[r:]
	}
}

// open opens boxes.
func (c *conn) open(boxes []OwnBox) {
	for chunk := range slices.Chunk(boxes, MaxBoxes) {
		var f OpenBox
		for _, b := range chunk {
			token := TokenHash(b.Token)
			f.Boxes = append(f.Boxes, Box{
				Key: KeyOf(b.Key), Token: token, Signature: ed25519.Sign(b.Key, BoxMessage(c.nonce, c.host, token)),
			})
		}
		if c.send(&f) != nil {
			return
		}
	}
}

// ping asks for a sign of life within d.
func (c *conn) ping(d time.Duration) {
	if c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeLimit)) != nil {
		c.close()
		return
	}
	c.alive(d)
}

// goodbye ends the connection in the polite way.
func (c *conn) goodbye() {
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
	c.close()
}

func (c *conn) close() { c.ws.Close() }
