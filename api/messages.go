package api

import (
	"context"
	"net/http"

	"kith"
	"kith/node"
)

// messages are what is said and done to what was said.
type messages interface {
	Send(ctx context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]node.Message, error)
	Reply(ctx context.Context, id, text string, mentions ...kith.Mention) (node.Message, error)
	Edit(ctx context.Context, id, text string, mentions ...kith.Mention) (node.Message, error)
	Delete(ctx context.Context, id string) (node.Message, error)
	React(ctx context.Context, id, emoji string) (node.Message, error)
	Message(ctx context.Context, id string) (node.Message, error)
	Receipts(ctx context.Context, id string) ([]node.Receipt, error)
	Search(ctx context.Context, words, ref string, limit int) ([]node.Message, error)
}

// ByID names a message. For its being exported see ByRef.
type ByID struct {
	ID string `path:"id" doc:"The ID of a message, or its unambiguous start of six characters" example:"mzxw6ytboi"`
}

type send struct {
	Body struct {
		To       []string       `json:"to" minItems:"1" maxItems:"1000" doc:"Contacts; each gets a message of its own, all or none" example:"[\"anna\"]"`
		Text     string         `json:"text" doc:"At most 64 KiB" example:"See you at eight."`
		ReplyTo  string         `json:"reply_to,omitempty" doc:"ID of the message that this one answers"`
		Mentions []kith.Mention `json:"mentions,omitempty" maxItems:"100" doc:"In the order in which they stand in the text"`
	}
}

type textOf struct {
	ByID
	Body struct {
		Text     string         `json:"text" doc:"At most 64 KiB"`
		Mentions []kith.Mention `json:"mentions,omitempty" maxItems:"100" doc:"In the order in which they stand in the text"`
	}
}

type react struct {
	ByID
	Body struct {
		Emoji string `json:"emoji" doc:"Empty: withdraw the reaction" example:"👍"`
	}
}

type search struct {
	Words string `query:"words" required:"true" doc:"All of them have to be in the message; accents and case do not matter"`
	In    string `query:"in" doc:"A contact or conversation; everywhere if absent"`
	Limit int    `query:"limit" minimum:"0" maximum:"500" doc:"How many; 50 if 0 or absent"`
}

func addMessages(s *service, n messages) {
	add(s, http.MethodPost, "/messages", "sendMessage", "Send a text; it is on disk when the answer comes", func(ctx context.Context, in *send) ([]node.Message, error) {
		var replyTo kith.EventID
		if err := parseID(&replyTo, in.Body.ReplyTo); err != nil {
			return nil, err
		}
		return n.Send(ctx, in.Body.To, in.Body.Text, replyTo, in.Body.Mentions...)
	})
	add(s, http.MethodGet, "/messages", "searchMessages", "Messages that hold all words, newest first", func(ctx context.Context, in *search) ([]node.Message, error) {
		return n.Search(ctx, in.Words, in.In, in.Limit)
	})
	add(s, http.MethodGet, "/messages/{id}", "getMessage", "One message", func(ctx context.Context, in *ByID) (node.Message, error) {
		return n.Message(ctx, in.ID)
	})
	add(s, http.MethodPatch, "/messages/{id}", "editMessage", "Replace the text of a message of one's own", func(ctx context.Context, in *textOf) (node.Message, error) {
		return n.Edit(ctx, in.ID, in.Body.Text, in.Body.Mentions...)
	})
	add(s, http.MethodDelete, "/messages/{id}", "deleteMessage", "Take a message of one's own back", func(ctx context.Context, in *ByID) (node.Message, error) {
		return n.Delete(ctx, in.ID)
	})
	add(s, http.MethodPost, "/messages/{id}/replies", "replyToMessage", "Answer a message, in its conversation", func(ctx context.Context, in *textOf) (node.Message, error) {
		return n.Reply(ctx, in.ID, in.Body.Text, in.Body.Mentions...)
	})
	add(s, http.MethodPut, "/messages/{id}/reaction", "reactToMessage", "Set one's reaction to a message", func(ctx context.Context, in *react) (node.Message, error) {
		return n.React(ctx, in.ID, in.Body.Emoji)
	})
	add(s, http.MethodGet, "/messages/{id}/receipts", "listReceipts", "Which device has a message, and who has read it", func(ctx context.Context, in *ByID) ([]node.Receipt, error) {
		return n.Receipts(ctx, in.ID)
	})
}
