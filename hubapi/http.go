package hubapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"kith"
)

// callLimit bounds one call by HTTP.
const callLimit = 20 * time.Second

// Leave leaves an envelope in somebody's box at a hub, and tells until when it
// is kept there. When it returns without an error the hub has it on disk. Errors
// are of kind kith.Unreachable if the hub does not answer or can't take it now,
// kith.NotFound if the box is not there any more or the token does not open it.
func Leave(ctx context.Context, client *http.Client, hub string, box Key, token Hash, envelope []byte) (until time.Time, err error) {
	var left Left
	err = call(ctx, client, hub, http.MethodPost, PathBox+EncodeName(box), EncodeName(token), envelope, func(body io.Reader) error {
		return json.NewDecoder(body).Decode(&left)
	})
	if err != nil {
		return until, fmt.Errorf("leave a message with the hub %s: %w", Host(hub), err)
	}
	return Time(left.Until), nil
}

// FetchBundle gets what was published under an opaque name. Errors are as those
// of Leave.
func FetchBundle(ctx context.Context, client *http.Client, hub string, name Hash) (bundle []byte, err error) {
	err = call(ctx, client, hub, http.MethodGet, PathBundle+EncodeName(name), "", nil, func(body io.Reader) error {
		bundle, err = io.ReadAll(io.LimitReader(body, MaxBundle+1))
		if err == nil && len(bundle) > MaxBundle {
			err = fmt.Errorf("more than %d bytes came", MaxBundle)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask the hub %s about an invitation: %w", Host(hub), err)
	}
	return bundle, nil
}

// FetchInfo asks a hub who it is.
func FetchInfo(ctx context.Context, client *http.Client, hub string) (info Info, err error) {
	err = call(ctx, client, hub, http.MethodGet, PathInfo, "", nil, func(body io.Reader) error {
		return json.NewDecoder(io.LimitReader(body, MaxBundle)).Decode(&info)
	})
	if err != nil {
		return info, fmt.Errorf("ask the hub %s who it is: %w", Host(hub), err)
	}
	return info, nil
}

func call(ctx context.Context, client *http.Client, hub, method, path, bearer string, body []byte, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, hub+path, bytes.NewReader(body))
	if err != nil {
		return kith.Errorf(kith.Invalid, "make the request: %w", err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := client.Do(req)
	if err != nil {
		return silent(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problem(resp)
	}
	if err := read(resp.Body); err != nil {
		return kith.Errorf(kith.Unreachable, "its answer can't be read: %w", err)
	}
	return nil
}

// problem is the error that a hub answered with.
func problem(resp *http.Response) error {
	text := detail(resp)
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden, http.StatusUnauthorized:
		return kith.Errorf(kith.NotFound, "%s", text)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return kith.Errorf(kith.Invalid, "%s", text)
	}
	return kith.Errorf(kith.Unreachable, "%s", text)
}

// detail is the sentence that a hub answered with.
func detail(resp *http.Response) string {
	var p Problem
	json.NewDecoder(io.LimitReader(resp.Body, 4*MaxText)).Decode(&p) // without a detail the status tells
	if p.Detail == "" || len(p.Detail) > MaxText {
		return "it answers " + resp.Status
	}
	return p.Detail
}
