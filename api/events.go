package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kith/node"
)

// events are what happens.
type events interface {
	Subscribe(ctx context.Context, after string) <-chan node.Numbered
}

const (
	// heartbeat is how often a silent stream says that it lives.
	heartbeat = 20 * time.Second
	// writeTime is how long one write may wait for a client that does not
	// read. It is cut then, and resumes when it reads again.
	writeTime = 10 * time.Second
)

type since struct {
	LastEventID string `header:"Last-Event-ID" doc:"ID of the last event that was received; the stream goes on after it" example:"k3-1041"`
	After       string `query:"after" doc:"The same, where no header can be set"`
}

func addEvents(s *service, n events) {
	op := s.operation(http.MethodGet, "/events", "events", "What happens, as server-sent events")
	op.Description = `Each event has a line "id:" and a line "data:" with a Notice in JSON. To go on without a gap after a lost connection, name the last ID; if that is too old, the first event is a Notice of type "reset": load everything again. Comments are heartbeats, one every 20 seconds.`
	notice := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[node.Notice](), true, "Notice")
	op.Responses["200"] = &huma.Response{
		Description: "The stream; the schema is that of each event's data",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: notice}},
	}
	huma.Register(s.huma, op, func(_ context.Context, in *since) (*huma.StreamResponse, error) {
		after := in.LastEventID
		if after == "" {
			after = in.After
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			stream(r.Context(), w, n, after)
		}}, nil
	})
}

// stream writes events until the client goes, the node ends, or the client is
// too slow.
func stream(ctx context.Context, w http.ResponseWriter, n events, after string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	notices := n.Subscribe(ctx, after)

	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	write := func(format string, args ...any) bool {
		// Not every ResponseWriter has deadlines; the server's own has.
		control.SetWriteDeadline(time.Now().Add(writeTime))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	// The first bytes tell the client that it is subscribed.
	if !write(": kith\n\n") {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if !write(":\n\n") {
				return
			}
		case n, ok := <-notices:
			if !ok {
				return
			}
			data, err := json.Marshal(n.Notice)
			if err != nil || !write("id: %s\ndata: %s\n\n", n.ID, data) {
				return
			}
		}
	}
}
