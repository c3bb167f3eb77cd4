package hub

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kith"
	"kith/hubapi"
)

// adminSocket is how commands reach a running hub: a socket that nobody but its
// user may open.
const adminSocket = "admin.sock"

// maxSocketPath is what every system takes as the path of a socket.
const maxSocketPath = 100

// What goes over the socket.
type (
	noticeRequest struct {
		To   string `json:"to,omitempty"`
		Text string `json:"text"`
	}
	blockRequest struct {
		Device string `json:"device"`
		For    int64  `json:"for_seconds"` // 0 ends the block
	}
)

// A Device is one that is or was on a hub, or is kept out, as its moderator
// sees it: by the key that it has for this hub, and from no address.
type Device struct {
	ID           string     `json:"id"`   // the whole key
	Name         string     `json:"name"` // its beginning
	Connected    bool       `json:"connected"`
	Since        *time.Time `json:"since,omitempty"` // connected
	BlockedUntil *time.Time `json:"blocked_until,omitempty"`
	// Keeps is what the seedbox keeps for it, in bytes.
	Keeps int64 `json:"keeps,omitempty"`
}

// A Notice is what the moderator said.
type Notice struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	To   string    `json:"to,omitempty"` // empty: everybody
	Text string    `json:"text"`
}

// serveAdmin opens the socket. What a hub that died left there is replaced: the
// lock says that none runs.
func (h *Hub) serveAdmin() error {
	path := filepath.Join(h.dir, adminSocket)
	if len(path) > maxSocketPath {
		return kith.Errorf(kith.Invalid, "the path %s is too long for a socket: take a folder with a shorter path", path)
	}
	if exists(path) {
		if err := os.Remove(path); err != nil {
			return kith.Errorf(kith.Invalid, "replace %s: %w", path, err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return kith.Errorf(kith.Invalid, "listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return kith.Errorf(kith.Invalid, "keep others out of %s: %w", path, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /devices", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.deviceList(time.Now()), nil) })
	mux.HandleFunc("GET /notices", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.noticeList(), nil) })
	mux.HandleFunc("POST /notices", asked(h.notify))
	mux.HandleFunc("POST /blocks", asked(h.block))
	h.admin = h.newServer(mux)
	h.run(h.admin, l, "commands")
	return nil
}

// asked parses what a command wants, does it, and answers.
func asked[Q, A any](do func(Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&q); err != nil {
			problem(w, http.StatusBadRequest, "the command can't be read: "+err.Error())
			return
		}
		a, err := do(q)
		answer(w, a, err)
	}
}

func answer(w http.ResponseWriter, v any, err error) {
	if err == nil {
		writeJSON(w, http.StatusOK, "application/json", v)
		return
	}
	status, ok := statuses[kith.KindOf(err)]
	if !ok {
		status = http.StatusInternalServerError
	}
	problem(w, status, err.Error())
}

func (h *Hub) notify(q noticeRequest) (Notice, error) {
	var to *hubapi.Key
	if q.To != "" {
		key, err := h.findDevice(q.To)
		if err != nil {
			return Notice{}, err
		}
		to = &key
	}
	n, err := h.rules.Notify(h.running, to, q.Text, time.Now())
	if err != nil {
		return Notice{}, err
	}
	h.log.Info("a notice was sent", "everybody", to == nil)
	return noticeOf(n), nil
}

// Noticed implements moderation.Watcher: devices that are here hear a notice at
// once, whichever hub it was given to.
func (h *Hub) Noticed(n *hubapi.Notice) {
	if len(n.To) == 0 {
		for _, d := range h.devices.connected() {
			d.send(n)
		}
	} else if len(n.To) == len(hubapi.Key{}) {
		if d := h.devices.get(hubapi.Key(n.To)); d != nil {
			d.send(n)
		}
	}
}

// BlockedUntil implements moderation.Watcher.
func (h *Hub) BlockedUntil(device hubapi.Key, until time.Time) {
	if d := h.devices.get(device); d != nil {
		d.block(until)
	}
}

func (h *Hub) block(q blockRequest) (Device, error) {
	key, err := h.findDevice(q.Device)
	if err != nil {
		return Device{}, err
	}
	now := time.Now()
	if q.For == 0 {
		if err := h.rules.Unblock(h.running, key, now); err != nil {
			return Device{}, err
		}
		h.log.Info("a block was ended")
		return h.device(key, now), nil
	}
	length := time.Duration(min(max(q.For, 0), 1<<30)) * time.Second
	until, err := h.rules.Block(h.running, key, length, now)
	if err != nil {
		return Device{}, err
	}
	h.log.Info("a device was blocked", "until", until)
	return h.device(key, now), nil
}

// minPrefix is how much of a device's name has to be given.
const minPrefix = 4

// findDevice finds the one device whose name begins so, of those that are or
// were here or are blocked; or one that is named in full.
func (h *Hub) findDevice(text string) (hubapi.Key, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if key, ok := parseKey(text); ok {
		return key, nil
	}
	if len(text) < minPrefix {
		return hubapi.Key{}, kith.Errorf(kith.Invalid, "%q is too short: give at least %d letters of a device, as kith hub devices lists them", text, minPrefix)
	}
	found := map[hubapi.Key]bool{}
	for _, key := range h.devices.known() {
		if strings.HasPrefix(key.String(), text) {
			found[key] = true
		}
	}
	for key := range h.rules.AllBlocks(time.Now()) {
		if strings.HasPrefix(key.String(), text) {
			found[key] = true
		}
	}
	if len(found) == 0 {
		return hubapi.Key{}, kith.Errorf(kith.NotFound, "no device on this hub begins with %q; kith hub devices lists them", text)
	}
	if len(found) > 1 {
		return hubapi.Key{}, kith.Errorf(kith.Invalid, "%d devices begin with %q: give more of its letters", len(found), text)
	}
	for key := range found {
		return key, nil
	}
	return hubapi.Key{}, nil
}

func (h *Hub) device(key hubapi.Key, now time.Time) Device {
	out := Device{ID: key.String(), Name: key.Short()}
	if d := h.devices.get(key); d != nil {
		since := time.Unix(d.since, 0).UTC()
		out.Connected, out.Since = true, &since
	}
	if until, blocked := h.rules.Blocked(key, now); blocked {
		until = until.UTC()
		out.BlockedUntil = &until
	}
	if h.keeper != nil {
		out.Keeps = h.keeper.Keeps(key)
	}
	return out
}

// deviceList lists who is here, longest first, then who is kept out.
func (h *Hub) deviceList(now time.Time) []Device {
	list := []Device{}
	seen := map[hubapi.Key]bool{}
	for _, d := range h.devices.connected() {
		list = append(list, h.device(d.key, now))
		seen[d.key] = true
	}
	for key := range h.rules.AllBlocks(now) {
		if !seen[key] {
			list = append(list, h.device(key, now))
		}
	}
	slices.SortFunc(list, func(a, b Device) int {
		if a.Since != nil && b.Since != nil {
			return cmp.Or(a.Since.Compare(*b.Since), strings.Compare(a.ID, b.ID))
		}
		if (a.Since == nil) != (b.Since == nil) {
			if a.Since != nil {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

func (h *Hub) noticeList() []Notice {
	list := []Notice{}
	for _, n := range h.rules.All() {
		list = append(list, noticeOf(n))
	}
	return list
}

func noticeOf(n *hubapi.Notice) Notice {
	out := Notice{ID: n.ID, At: hubapi.Time(n.At).UTC(), Text: n.Text}
	if len(n.To) == len(hubapi.Key{}) {
		out.To = hubapi.Key(n.To).Short()
	}
	return out
}
