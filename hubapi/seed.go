package hubapi

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"kith"
)

// Limits of a seedbox.
const (
	// MaxSeedInfo bounds an info dictionary, in bytes.
	MaxSeedInfo = 8 << 20
	// MinSeedPiece and MaxSeedPiece bound the length of a piece, in bytes. It is
	// a power of two.
	MinSeedPiece = 16 << 10
	MaxSeedPiece = 16 << 20
	// SeedToken is for how long the token of a Space is good.
	SeedToken = 12 * time.Hour
	// maxKept bounds the answer about one file, in bytes: a bit for each of the
	// pieces that MaxSeedInfo has room for.
	maxKept = 128 << 10
)

// An InfoHash names a torrent (BEP 3), as bytes.
type InfoHash [20]byte

// String is the infohash in hexadecimal, as it stands in a path.
func (h InfoHash) String() string { return hex.EncodeToString(h[:]) }

// ParseInfoHash undoes String.
func ParseInfoHash(text string) (h InfoHash, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	h = InfoHash(b)
	return h, h.String() == text
}

// Kept is what a seedbox says of one file.
type Kept struct {
	Size int64 `json:"size"` // bytes of ciphertext
	// Have is a bit a piece, the first piece in the highest bit of the first
	// byte, as in BitTorrent's bitfield (BEP 3).
	Have   []byte `json:"have"`
	Pieces int    `json:"pieces"`
	// Until is when it goes if nobody fetches or renews it, Unix milliseconds. A
	// hub that runs out of room may let it go earlier.
	Until int64 `json:"until"`
}

// Has reports whether a piece is there.
func (k *Kept) Has(piece int) bool {
	return piece >= 0 && piece < k.Pieces && piece/8 < len(k.Have) && k.Have[piece/8]&(0x80>>(piece%8)) != 0
}

func (k *Kept) check() error {
	if k.Size <= 0 || k.Pieces <= 0 || len(k.Have) != (k.Pieces+7)/8 {
		return fmt.Errorf("%d pieces of a file of %d bytes, told in %d bytes", k.Pieces, k.Size, len(k.Have))
	}
	return nil
}

// The calls below speak with the seedbox of a hub. Their errors are of kind
//
//	kith.Unreachable  it does not answer, or can't do it now
//	kith.NotFound     it does not keep the file, or not these pieces
//	kith.Forbidden    the token is not good (any more); a new one comes with Space
//	kith.Full         it has no room: the text says how much there is
//	kith.Invalid      what was sent is not what it takes

// Keep has a seedbox keep a file, or keep it longer, and tells what it has of
// it. info is the info dictionary, of which file is the SHA-1.
func Keep(ctx context.Context, client *http.Client, hub, token string, file InfoHash, info []byte) (kept Kept, err error) {
	err = seedCall(ctx, client, hub, &seedRequest{method: http.MethodPut, path: seedPath(file), token: token, body: info, read: kept.read})
	if err != nil {
		return Kept{}, fmt.Errorf("have the hub %s keep a file: %w", Host(hub), err)
	}
	return kept, nil
}

// KeepPiece gives a piece of a file to a seedbox. When it returns without an
// error the piece is on its disk. An error of kind kith.Invalid says that it is
// not the piece that the info dictionary tells of.
func KeepPiece(ctx context.Context, client *http.Client, hub, token string, file InfoHash, piece int, data []byte) error {
	path := seedPath(file) + "/" + strconv.Itoa(piece)
	err := seedCall(ctx, client, hub, &seedRequest{method: http.MethodPut, path: path, token: token, body: data})
	if err != nil {
		return fmt.Errorf("give a piece of a file to the hub %s: %w", Host(hub), err)
	}
	return nil
}

// KeptState asks a seedbox what it has of a file. Whoever knows the infohash may
// ask.
func KeptState(ctx context.Context, client *http.Client, hub string, file InfoHash) (kept Kept, err error) {
	err = seedCall(ctx, client, hub, &seedRequest{method: http.MethodGet, path: seedPath(file), read: kept.read})
	if err != nil {
		return Kept{}, fmt.Errorf("ask the hub %s about a file: %w", Host(hub), err)
	}
	return kept, nil
}

// FetchKeptInfo gets the info dictionary of a file, for somebody who never met who
// shared it. It is what file is the SHA-1 of.
func FetchKeptInfo(ctx context.Context, client *http.Client, hub string, file InfoHash) (info []byte, err error) {
	err = seedCall(ctx, client, hub, &seedRequest{
		method: http.MethodGet, path: seedPath(file) + "/info",
		read: func(_ *http.Response, body io.Reader) error {
			if info, err = io.ReadAll(io.LimitReader(body, MaxSeedInfo+1)); err != nil {
				return err
			}
			if len(info) > MaxSeedInfo || InfoHash(sha1.Sum(info)) != file {
				return fmt.Errorf("it is not the info dictionary of this file")
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("ask the hub %s about a file: %w", Host(hub), err)
	}
	return info, nil
}

// FetchKept fills a slice with the ciphertext of a file from offset on. It
// checks nothing: the hashes of pieces do.
func FetchKept(ctx context.Context, client *http.Client, hub string, file InfoHash, offset int64, into []byte) error {
	if len(into) == 0 {
		return nil
	}
	span := fmt.Sprintf("%d-%d", offset, offset+int64(len(into))-1)
	err := seedCall(ctx, client, hub, &seedRequest{
		method: http.MethodGet, path: seedPath(file) + "/data", span: span,
		read: func(resp *http.Response, body io.Reader) error {
			if got := resp.Header.Get("Content-Range"); resp.StatusCode != http.StatusPartialContent || !hasSpan(got, span) {
				return fmt.Errorf("it sends %s %q where the bytes %s were asked for", resp.Status, got, span)
			}
			_, err := io.ReadFull(body, into)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("fetch a part of a file from the hub %s: %w", Host(hub), err)
	}
	return nil
}

// hasSpan reports whether a Content-Range is of these bytes.
func hasSpan(header, span string) bool {
	head := "bytes " + span + "/"
	return len(header) > len(head) && header[:len(head)] == head
}

// Release tells a seedbox that this device does not want a file kept any more.
func Release(ctx context.Context, client *http.Client, hub, token string, file InfoHash) error {
	err := seedCall(ctx, client, hub, &seedRequest{method: http.MethodDelete, path: seedPath(file), token: token})
	if err != nil {
		return fmt.Errorf("have the hub %s let go of a file: %w", Host(hub), err)
	}
	return nil
}

func seedPath(file InfoHash) string { return PathSeed + file.String() }

func (k *Kept) read(_ *http.Response, body io.Reader) error {
	if err := json.NewDecoder(io.LimitReader(body, maxKept)).Decode(k); err != nil {
		return err
	}
	return k.check()
}

// A seedRequest is one call.
type seedRequest struct {
	method, path, token string
	span                string // first and last byte, for Range; empty: all
	body                []byte
	read                func(*http.Response, io.Reader) error // nil: the status says it all
}

// seedKinds are the kinds of errors by status; others are kith.Unreachable.
var seedKinds = map[int]kith.ErrorKind{
	http.StatusNotFound:              kith.NotFound,
	http.StatusUnauthorized:          kith.Forbidden,
	http.StatusForbidden:             kith.Forbidden,
	http.StatusInsufficientStorage:   kith.Full,
	http.StatusBadRequest:            kith.Invalid,
	http.StatusRequestEntityTooLarge: kith.Invalid,
}

// seedCall makes a call. Pieces are large and lines may be slow, so it ends
// only when nothing moves for callLimit.
func seedCall(ctx context.Context, client *http.Client, hub string, q *seedRequest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stalled := time.AfterFunc(callLimit, cancel)
	defer stalled.Stop()
	moving := func(r io.Reader) io.Reader { return &movingReader{r, stalled} }

	var body io.Reader
	if q.body != nil {
		body = moving(bytes.NewReader(q.body))
	}
	req, err := http.NewRequestWithContext(ctx, q.method, hub+q.path, body)
	if err != nil {
		return kith.Errorf(kith.Invalid, "make the request: %w", err)
	}
	if q.body != nil {
		req.ContentLength = int64(len(q.body))
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Expect", "100-continue") // it may be refused, or there already
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.span != "" {
		req.Header.Set("Range", "bytes="+q.span)
	}
	resp, err := client.Do(req)
	if err != nil {
		return silent(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		kind, ok := seedKinds[resp.StatusCode]
		if !ok {
			kind = kith.Unreachable
		}
		return kith.Errorf(kind, "%s", detail(resp))
	}
	if q.read == nil {
		return nil
	}
	if err := q.read(resp, moving(resp.Body)); err != nil {
		return kith.Errorf(kith.Unreachable, "its answer can't be read: %w", err)
	}
	return nil
}

// A movingReader notes that something moves.
type movingReader struct {
	io.Reader
	stalled *time.Timer
}

// Read reads.
func (m *movingReader) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if n > 0 {
		m.stalled.Reset(callLimit)
	}
	return n, err
}
