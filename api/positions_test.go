package api

import (
	"context"

	"kith/node"
)

func (f *fakeNode) Position(_ context.Context, ref string, p node.Place) (node.Position, error) {
	return give[node.Position](f, "Position", ref, p)
}
