package hub

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"kith"
	"kith/hubapi"
)

// An Admin speaks to the running hub of a folder, for its moderator. Errors are
// of kind kith.Unreachable if none runs there.
type Admin struct {
	dir  string
	http *http.Client
}

// NewAdmin makes an Admin for a hub's folder. It does not find out whether a
// hub runs there.
func NewAdmin(dir string) *Admin {
	return &Admin{dir: dir, http: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, adminSocket))
			},
		},
	}}
}

// Devices lists the devices that are on the hub, and those that are blocked.
func (a *Admin) Devices(ctx context.Context) (list []Device, err error) {
	return list, a.call(ctx, http.MethodGet, "/devices", nil, &list)
}

// Notices lists what the moderator said, oldest first.
func (a *Admin) Notices(ctx context.Context) (list []Notice, err error) {
	return list, a.call(ctx, http.MethodGet, "/notices", nil, &list)
}

// Notify says something to everybody, or to one device if to is not empty.
func (a *Admin) Notify(ctx context.Context, to, text string) (n Notice, err error) {
	return n, a.call(ctx, http.MethodPost, "/notices", noticeRequest{to, text}, &n)
}

// Block keeps a device out for 30 minutes to 24 hours.
func (a *Admin) Block(ctx context.Context, device string, length time.Duration) (d Device, err error) {
	if length < time.Second {
		return d, kith.Errorf(kith.Invalid, "a device can be blocked for 30m to 24h, not for %v", length)
	}
	return d, a.call(ctx, http.MethodPost, "/blocks", blockRequest{device, int64(length / time.Second)}, &d)
}

// Unblock ends a block.
func (a *Admin) Unblock(ctx context.Context, device string) (d Device, err error) {
	return d, a.call(ctx, http.MethodPost, "/blocks", blockRequest{Device: device}, &d)
}

func (a *Admin) call(ctx context.Context, method, path string, ask, result any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return kith.Errorf(kith.Internal, "ask the hub: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://hub"+path, bytes.NewReader(body))
	if err != nil {
		return kith.Errorf(kith.Internal, "ask the hub: %w", err)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !exists(filepath.Join(a.dir, ConfigFile)) {
			return kith.Errorf(kith.NotFound, "there is no hub in %s", a.dir)
		}
		return kith.Errorf(kith.Unreachable, "no hub runs in %s: start it with kith hub run %s", a.dir, a.dir)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		err := json.NewDecoder(resp.Body).Decode(result)
		if err != nil {
			return kith.Errorf(kith.Internal, "read the hub's answer: %w", err)
		}
		return nil
	}
	var p hubapi.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Detail == "" {
		p.Detail = "the hub answers " + resp.Status
	}
	for kind, status := range statuses {
		if status == resp.StatusCode {
			return kith.Errorf(kind, "%s", p.Detail)
		}
	}
	return kith.Errorf(kith.Internal, "%s", p.Detail)
}

var keyText = base32.StdEncoding.WithPadding(base32.NoPadding)

// parseKey undoes hubapi.Key.String.
func parseKey(text string) (key hubapi.Key, ok bool) {
	b, err := keyText.DecodeString(strings.ToUpper(text))
	if err != nil || len(b) != len(key) {
		return key, false
	}
	key = hubapi.Key(b)
	return key, key.String() == text
}
