package hub

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kith"
	"kith/hub/seedbox"
	"kith/hubapi"
)

// What is carried over a slow line takes its time. It is ended if stepBytes take
// longer than stepLimit.
const (
	stepBytes = 64 << 10
	stepLimit = 30 * time.Second
)

// An action does what a request asks for, and answers it unless it fails.
type action func(w http.ResponseWriter, r *http.Request) error

// asked counts a request of an address and does what it asks for.
func (p *seedboxPart) asked(do action) http.Handler {
	return p.at.Limited(func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			p.fail(w, r, err)
		}
	})
}

// carried does what a request asks for that carries a part of a file. It counts
// as a request of its address only if it is in vain: others are bounded by their
// bytes.
func (p *seedboxPart) carried(do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			p.at.Limited(func(w http.ResponseWriter, r *http.Request) { p.fail(w, r, err) })(w, r)
		}
	})
}

func (p *seedboxPart) fail(w http.ResponseWriter, r *http.Request, err error) {
	p.store.Refused(err)
	answerSoon(w)
	p.at.Fail(w, r, err)
}

func (p *seedboxPart) keep(w http.ResponseWriter, r *http.Request) error {
	device, file, err := p.authorized(r)
	if err != nil {
		return err
	}
	kept, err := p.store.Keep(device, file, body(w, r))
	if err != nil {
		return err
	}
	answerSoon(w)
	writeJSON(w, http.StatusOK, "application/json", kept)
	return nil
}

func (p *seedboxPart) keepPiece(w http.ResponseWriter, r *http.Request) error {
	device, file, err := p.authorized(r)
	if err != nil {
		return err
	}
	piece, err := strconv.ParseUint(r.PathValue("piece"), 10, 31)
	if err != nil {
		return kith.Errorf(kith.Invalid, "this is not the number of a piece")
	}
	if err := p.store.KeepPiece(device, file, int(piece), body(w, r)); err != nil {
		return err
	}
	answerSoon(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *seedboxPart) state(w http.ResponseWriter, r *http.Request) error {
	file, err := fileOf(r)
	if err != nil {
		return err
	}
	kept, err := p.store.State(file)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", kept)
	return nil
}

func (p *seedboxPart) release(w http.ResponseWriter, r *http.Request) error {
	device, file, err := p.authorized(r)
	if err != nil {
		return err
	}
	if err := p.store.Release(device, file); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *seedboxPart) fetch(w http.ResponseWriter, r *http.Request) error {
	file, err := fileOf(r)
	if err != nil {
		return err
	}
	first, last, err := parseSpan(r.Header.Get("Range"))
	if err != nil {
		return err
	}
	part, err := p.store.Fetch(file, first, last-first+1)
	if err != nil {
		return err
	}
	defer part.Close()
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, part.Size))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusPartialContent)
	if r.Method != http.MethodHead {
		p.store.Served(p.send(w, r, part, last-first+1))
	}
	return nil
}

func (p *seedboxPart) info(w http.ResponseWriter, r *http.Request) error {
	file, err := fileOf(r)
	if err != nil {
		return err
	}
	info, err := p.store.Info(file)
	if err != nil {
		return err
	}
	defer info.Close()
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodHead {
		p.send(w, r, info, info.Size)
	}
	return nil
}

// send sends a part of a file no faster than its address may fetch.
func (p *seedboxPart) send(w http.ResponseWriter, r *http.Request, part io.Reader, length int64) (sent int64) {
	control := http.NewResponseController(w)
	for sent < length {
		step := min(stepBytes, length-sent)
		if p.at.Pace(r, step, int64(p.cfg.RatePerAddress)) != nil {
			break
		}
		control.SetWriteDeadline(time.Now().Add(stepLimit))
		n, err := io.CopyN(w, part, step)
		sent += n
		if err != nil {
			break
		}
	}
	return sent
}

// maxFile bounds what a Range may say, in bytes.
const maxFile = 1 << 53

// parseSpan reads the one form of a Range (RFC 9110) that is taken here: its
// first and last byte.
func parseSpan(text string) (first, last int64, err error) {
	span, ok := strings.CutPrefix(text, "bytes=")
	from, to, ok2 := strings.Cut(span, "-")
	a, err1 := strconv.ParseUint(from, 10, 63)
	b, err2 := strconv.ParseUint(to, 10, 63)
	if !ok || !ok2 || err1 != nil || err2 != nil || a > b || b > maxFile {
		return 0, 0, kith.Errorf(kith.Invalid, "ask for a part of the file, as Range: bytes=FIRST-LAST")
	}
	return int64(a), int64(b), nil
}

// authorized tells which device asks, about which file.
func (p *seedboxPart) authorized(r *http.Request) (device hubapi.Key, file hubapi.InfoHash, err error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return device, file, kith.Errorf(kith.Forbidden, "the token for the seedbox is missing; the hub gives one over its socket")
	}
	if device, err = seedbox.Holder(p.cfg.Secret, token, time.Now()); err != nil {
		return device, file, err
	}
	if p.at.Blocked(device) {
		return device, file, kith.Errorf(kith.Forbidden, "the moderator of this hub keeps this device out for a time")
	}
	file, err = fileOf(r)
	return device, file, err
}

func fileOf(r *http.Request) (hubapi.InfoHash, error) {
	file, ok := hubapi.ParseInfoHash(r.PathValue("file"))
	if !ok {
		return file, kith.Errorf(kith.NotFound, "this is not an infohash: 40 hexadecimal digits, in small letters")
	}
	return file, nil
}

// answerSoon gives the answer time of its own, after a body that took long.
func answerSoon(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(stepLimit))
}

// body is what is sent with a request.
func body(w http.ResponseWriter, r *http.Request) io.Reader {
	return &steadyReader{r: r.Body, control: http.NewResponseController(w)}
}

// A steadyReader ends the request if the next stepBytes take too long.
type steadyReader struct {
	r       io.Reader
	control *http.ResponseController
	left    int // of a step
}

// Read reads.
func (s *steadyReader) Read(p []byte) (int, error) {
	if s.left == 0 {
		s.control.SetReadDeadline(time.Now().Add(stepLimit))
		s.left = stepBytes
	}
	n, err := s.r.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}
