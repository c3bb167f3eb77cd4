package api

import (
	"context"
	"net/http"

	"kith/node"
)

// connections are how the others are reached.
type connections interface {
	Status(context.Context) (node.Status, error)
	Doctor(context.Context) ([]node.Finding, error)
	Retry(ctx context.Context, ref string) error
	Offer(ctx context.Context, ref string) (line string, err error)
	AnswerOffer(ctx context.Context, ref, line string) (answer string, err error)
}

type retry struct {
	Body struct {
		Contact string `json:"contact,omitempty" doc:"A contact; all if empty" example:"anna"`
	}
}

type offer struct {
	Body struct {
		Contact string `json:"contact" doc:"Who is to answer" example:"anna"`
	}
}

type answer struct {
	Body struct {
		Contact string `json:"contact,omitempty" doc:"Who made the line, if you want that checked" example:"anna"`
		Line    string `json:"line" doc:"Their offer, or their answer to yours"`
	}
}

// A line is what one person sends the other by whatever means they have.
type line struct {
	Line string `json:"line" doc:"One line of text to pass on; empty: nothing is left to do"`
}

func addConnections(s *service, n connections) {
	add(s, http.MethodGet, "/status", "getStatus", "Everything about being connected", func(ctx context.Context, _ *none) (node.Status, error) {
		return n.Status(ctx)
	})
	add(s, http.MethodGet, "/connections/doctor", "diagnoseConnections", "Find out what stands between this device and others; takes some seconds", func(ctx context.Context, _ *none) ([]node.Finding, error) {
		return n.Doctor(ctx)
	})
	do(s, http.MethodPost, "/connections/retry", "retryConnections", "Look for contacts at once", func(ctx context.Context, in *retry) error {
		return n.Retry(ctx, in.Body.Contact)
	})
	add(s, http.MethodPost, "/connections/offers", "makeOffer", "Make a line that a contact is to answer", func(ctx context.Context, in *offer) (line, error) {
		text, err := n.Offer(ctx, in.Body.Contact)
		return line{text}, err
	})
	add(s, http.MethodPost, "/connections/answers", "answerOffer", "Take a contact's line: an offer gives the answer to pass on, an answer links", func(ctx context.Context, in *answer) (line, error) {
		text, err := n.AnswerOffer(ctx, in.Body.Contact, in.Body.Line)
		return line{text}, err
	})
}
