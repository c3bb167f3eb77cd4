package hubapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/gorilla/websocket"

	"kith"
)

// unanswered is why a hub did not answer, in words for people; the error behind it
// is still there for errors.Is.
type unanswered struct {
	words string
	err   error
}

func (s *unanswered) Error() string { return s.words }
func (s *unanswered) Unwrap() error { return s.err }

// silent is the error of a request or connection that failed with err.
func silent(err error) error {
	return kith.Errorf(kith.Unreachable, "%w", &unanswered{whySilent(err), err})
}

func whySilent(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "nobody knows its name " + dns.Name
	case errors.As(err, &dns):
		return "its name can't be looked up; perhaps this device is offline"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "its machine answers, but no hub runs there"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "there is no way to it from this network"
	case errors.As(err, &authority):
		return "its certificate is signed by nobody whom this device trusts"
	case errors.As(err, &certificate):
		return "its certificate is not good: " + certificate.Err.Error()
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, websocket.ErrBadHandshake):
		return "what answers there is no hub"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer came in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was cut off"
	}
	return "it does not answer: " + err.Error()
}
