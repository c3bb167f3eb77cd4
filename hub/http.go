package hub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kith"
	"kith/hubapi"
)

// handler is what devices reach.
func (h *Hub) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "This is a Kith hub. Give its address to Kith: kith hubs add "+h.url+"\n")
	})
	mux.HandleFunc("GET "+hubapi.PathInfo, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, "application/json", h.info())
	})
	mux.HandleFunc("GET "+hubapi.PathHealth, h.health)
	mux.HandleFunc("GET "+hubapi.PathSocket, h.socket)
	mux.HandleFunc("POST "+hubapi.PathBox+"{tag}", h.limited(h.leave))
	mux.HandleFunc("GET "+hubapi.PathBundle+"{tag}", h.limited(h.bundle))
	for _, p := range h.parts {
		for pattern, handler := range p.Handlers() {
			mux.Handle(pattern, handler)
		}
	}
	return anyOrigin(mux)
}

// sideHandler is what this machine alone reaches.
func (h *Hub) sideHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+hubapi.PathHealth, h.health)
	mux.Handle("GET "+hubapi.PathMetrics, h.metrics.handler())
	return mux
}

// anyOrigin lets pages of others in: a guest's page comes from elsewhere, and
// there is no cookie that it could abuse.
func anyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "Retry-After, Content-Range")
		if r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Range")
			header.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limited keeps the limit of an address.
func (h *Hub) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait, ok := h.limits.request(h.client(r), time.Now()); !ok {
			h.tooMany(w, wait)
			return
		}
		next(w, r)
	}
}

// pace waits until an address may be sent so many bytes more.
func (h *Hub) pace(r *http.Request, bytes, rate int64) error {
	for {
		wait, ok := h.limits.fetch(h.client(r), time.Now(), bytes, rate)
		if ok {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return r.Context().Err()
		case <-h.running.Done():
			return h.running.Err()
		}
	}
}

func (h *Hub) tooMany(w http.ResponseWriter, wait time.Duration) {
	h.metrics.refused.WithLabelValues("requests").Inc()
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	problem(w, http.StatusTooManyRequests, "this hub has heard too much from your address; it listens again in "+wait.Round(time.Second).String())
}

// leave takes an envelope. The answer comes when it is on disk.
func (h *Hub) leave(w http.ResponseWriter, r *http.Request) {
	if h.store == nil {
		problem(w, http.StatusNotFound, "this hub has no mailbox; use another hub")
		return
	}
	box, ok := hubapi.DecodeName(r.PathValue("tag"))
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, isToken := hubapi.DecodeName(bearer)
	switch {
	case !ok:
		problem(w, http.StatusNotFound, "this is not the name of a box: 32 bytes in URL-safe base64")
		return
	case !isBearer || !isToken:
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem(w, http.StatusUnauthorized, "the token of the box is missing, or is not 32 bytes in URL-safe base64")
		return
	case r.ContentLength > hubapi.MaxMail:
		tooBig(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hubapi.MaxMail))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			tooBig(w)
			return
		}
		problem(w, http.StatusBadRequest, "the envelope did not come whole")
		return
	}
	until, err := h.store.Leave(r.Context(), box, hubapi.TokenHash(token), body)
	h.metrics.leaves.WithLabelValues(outcome(err)).Inc()
	if err != nil {
		h.failure(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, "application/json", hubapi.Left{Until: until.UnixMilli()})
}

func tooBig(w http.ResponseWriter) {
	problem(w, http.StatusRequestEntityTooLarge, "an envelope has at most "+strconv.Itoa(hubapi.MaxMail)+" bytes")
}

// bundle gives what somebody published.
func (h *Hub) bundle(w http.ResponseWriter, r *http.Request) {
	if h.store == nil {
		problem(w, http.StatusNotFound, "this hub keeps no bundles; use another hub")
		return
	}
	name, ok := hubapi.DecodeName(r.PathValue("tag"))
	if !ok {
		problem(w, http.StatusNotFound, "this is not the name of a bundle: 32 bytes in URL-safe base64")
		return
	}
	body, err := h.store.Bundle(r.Context(), name)
	if err != nil {
		h.failure(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

// health reports whether the hub can do what it is for.
func (h *Hub) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if h.stopping.Load() {
		problem(w, http.StatusServiceUnavailable, "this hub restarts")
		return
	}
	if h.store != nil {
		if err := h.store.Check(ctx); err != nil {
			h.log.Error("the mailbox can't be written to", "error", err)
			problem(w, http.StatusServiceUnavailable, "the mailbox can't be written to")
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

// statuses is what each kind of error is called in HTTP.
var statuses = map[kith.ErrorKind]int{
	kith.Invalid:   http.StatusBadRequest,
	kith.NotFound:  http.StatusNotFound,
	kith.Forbidden: http.StatusForbidden,
	kith.Full:      http.StatusInsufficientStorage,
	kith.Conflict:  http.StatusConflict,
}

// failure tells an error. Those of ours are logged, not told.
func (h *Hub) failure(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there any more
	}
	status, ok := statuses[kith.KindOf(err)]
	if !ok {
		h.log.Error("a request failed", "error", err)
		problem(w, http.StatusInternalServerError, "this hub has a fault; try again later, or use another hub")
		return
	}
	problem(w, status, err.Error())
}

func problem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, "application/problem+json", hubapi.Problem{Title: http.StatusText(status), Status: status, Detail: detail})
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// outcome names how something ended, for metrics.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return kith.KindOf(err).String()
}
