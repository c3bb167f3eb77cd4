package cluster

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
)

func TestConfig(t *testing.T) {
	c, err := Config{}.WithDefaults()
	if err != nil || c.Prefix != "kith" || c.Replicas != 3 || c.Subject("box", "key") != "kith.box.key" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, prefix := range []string{"a.b", "a*", "a>", "a b", "a/b", "a\n"} {
		if _, err := (Config{Prefix: prefix}).WithDefaults(); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%q: %v", prefix, err)
		}
	}
	if _, err := (Config{Servers: []string{"nats://127.0.0.1:1"}}).Connect(); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("no server: %v", err)
	}
}

// What passes is tried again while there is time; what does not is told at once.
func TestAgain(t *testing.T) {
	noLeader := &jetstream.APIError{Code: 503, Description: "JetStream system temporarily unavailable"}
	for _, c := range []struct {
		name  string
		err   error
		fails int // times
		tries int
		want  error
	}{
		{"at once", nil, 0, 1, nil},
		{"no leader", noLeader, 3, 4, nil},
		{"a server starts", &jetstream.APIError{Code: 400, ErrorCode: 10005, Description: "no suitable peers for placement, peer offline"}, 3, 4, nil},
		{"too few servers", &jetstream.APIError{Code: 400, ErrorCode: 10005, Description: "no suitable peers for placement, insufficient storage"}, 3, 1, &jetstream.APIError{Code: 400}},
		{"nobody answers", nats.ErrNoResponders, 3, 4, nil},
		{"full", &jetstream.APIError{Code: 503, Description: "maximum bytes exceeded"}, 3, 1, &jetstream.APIError{Code: 503}},
		{"not found", jetstream.ErrMsgNotFound, 3, 1, jetstream.ErrMsgNotFound},
		{"never", nats.ErrTimeout, 1000, 0, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := Within(t.Context())
				defer cancel()
				began, tries := time.Now(), 0
				got, err := Again(ctx, func(context.Context) (int, error) {
					if tries++; tries <= c.fails {
						return 0, c.err
					}
					return 42, nil
				})
				if c.tries > 0 && tries != c.tries {
					t.Errorf("%d tries, want %d", tries, c.tries)
				}
				if (err == nil) != (c.want == nil) || err == nil && got != 42 {
					t.Errorf("it gives %d, %v", got, err)
				}
				if c.want == context.DeadlineExceeded && (!errors.Is(err, c.want) || !errors.Is(err, c.err) || time.Since(began) != patience) {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestWrongSequence(t *testing.T) {
	for err, want := range map[error]bool{
		&jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence}: true,
		&jetstream.APIError{ErrorCode: jetstream.JSErrCodeMessageNotFound}:         false,
		nats.ErrTimeout: false,
	} {
		if WrongSequence(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
