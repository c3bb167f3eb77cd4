package api

import (
	"context"
	"net/http"

	"kith/node"
)

// hubs are the helper servers that the node uses.
type hubs interface {
	Hubs(context.Context) ([]node.Hub, error)
	AddHub(ctx context.Context, address string) (node.Hub, error)
	RemoveHub(ctx context.Context, address string) error
}

type hubAddress struct {
	Body struct {
		URL string `json:"url" doc:"Where the hub is" example:"https://hub.example.org"`
	}
}

type hubNamed struct {
	URL string `query:"url" required:"true" doc:"Where the hub is" example:"https://hub.example.org"`
}

func addHubs(s *service, n hubs) {
	add(s, http.MethodGet, "/hubs", "listHubs", "Hubs in use: your own, and those where contacts can be met", func(ctx context.Context, _ *none) ([]node.Hub, error) {
		return n.Hubs(ctx)
	})
	add(s, http.MethodPost, "/hubs", "addHub", "Begin to use a hub, and tell contacts", func(ctx context.Context, in *hubAddress) (node.Hub, error) {
		return n.AddHub(ctx, in.Body.URL)
	})
	do(s, http.MethodDelete, "/hubs", "removeHub", "End the use of a hub", func(ctx context.Context, in *hubNamed) error {
		return n.RemoveHub(ctx, in.URL)
	})
}
