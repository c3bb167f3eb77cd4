package api

import (
	"context"
	"net/http"

	"kith"
	"kith/node"
)

// conversations are what was said, by whom it was said with.
type conversations interface {
	Conversations(context.Context) ([]node.Conversation, error)
	Conversation(ctx context.Context, ref string) (node.Conversation, error)
	Log(ctx context.Context, ref string, p node.Page) ([]node.Message, error)
	LastOwn(ctx context.Context, ref string) (node.Message, error)
	MarkRead(ctx context.Context, ref string, upTo kith.EventID) error
	SetTyping(ctx context.Context, ref string, active bool) error
}

type page struct {
	ByRef
	Limit  int    `query:"limit" minimum:"0" maximum:"500" doc:"How many; 50 if 0 or absent"`
	Before string `query:"before" doc:"ID of a message: the page ends just before it"`
	After  string `query:"after" doc:"ID of a message: the page begins just after it"`
}

type readMark struct {
	ByRef
	Body struct {
		UpTo string `json:"up_to,omitempty" doc:"ID of the last message that was read; all of them if absent"`
	}
}

type typing struct {
	ByRef
	Body struct {
		Active bool `json:"active" doc:"Writing, or stopped"`
	}
}

func addConversations(s *service, n conversations) {
	add(s, http.MethodGet, "/conversations", "listConversations", "All conversations, the latest first", func(ctx context.Context, _ *none) ([]node.Conversation, error) {
		return n.Conversations(ctx)
	})
	add(s, http.MethodGet, "/conversations/{ref}", "getConversation", "One conversation", func(ctx context.Context, in *ByRef) (node.Conversation, error) {
		return n.Conversation(ctx, in.Ref)
	})
	add(s, http.MethodGet, "/conversations/{ref}/messages", "listMessages", "A page of messages, oldest first; the newest page if neither before nor after is given", func(ctx context.Context, in *page) ([]node.Message, error) {
		p := node.Page{Limit: in.Limit}
		if err := parseID(&p.Before, in.Before); err != nil {
			return nil, err
		}
		if err := parseID(&p.After, in.After); err != nil {
			return nil, err
		}
		return n.Log(ctx, in.Ref, p)
	})
	add(s, http.MethodGet, "/conversations/{ref}/last-own", "getLastOwn", "The newest message of one's own", func(ctx context.Context, in *ByRef) (node.Message, error) {
		return n.LastOwn(ctx, in.Ref)
	})
	do(s, http.MethodPut, "/conversations/{ref}/read", "markRead", "Note what was read", func(ctx context.Context, in *readMark) error {
		var id kith.EventID
		if err := parseID(&id, in.Body.UpTo); err != nil {
			return err
		}
		return n.MarkRead(ctx, in.Ref, id)
	})
	do(s, http.MethodPut, "/conversations/{ref}/typing", "setTyping", "Tell the others that one writes, or stopped", func(ctx context.Context, in *typing) error {
		return n.SetTyping(ctx, in.Ref, in.Body.Active)
	})
}

// parseID reads an ID that may be absent.
func parseID(id *kith.EventID, text string) error {
	if text == "" {
		return nil
	}
	return id.UnmarshalText([]byte(text))
}
