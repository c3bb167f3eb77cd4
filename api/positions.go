package api

import (
	"context"
	"net/http"
	"time"

	"kith/node"
)

// positions are places in conversations.
type positions interface {
	Position(ctx context.Context, ref string, p node.Place) (node.Position, error)
}

type place struct {
	ByRef
	Message string    `query:"message" doc:"ID of the message"`
	Since   time.Time `query:"since" doc:"The first message from this time on"`
	Number  int       `query:"number" minimum:"0" doc:"The message before which there are so many"`
}

func addPositions(s *service, n positions) {
	add(s, http.MethodGet, "/conversations/{ref}/position", "getPosition", "Where a message stands in its conversation; the newest where there is none so late, the oldest if nothing is given", func(ctx context.Context, in *place) (node.Position, error) {
		p := node.Place{Since: in.Since, Number: in.Number}
		if err := parseID(&p.Message, in.Message); err != nil {
			return node.Position{}, err
		}
		return n.Position(ctx, in.Ref, p)
	})
}
