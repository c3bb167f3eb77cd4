package api

import (
	"context"
	"net/http"

	"kith"
	"kith/node"
)

// conversations are what was said, by whom it was said with.
type conversations interface {
	Conversations(context.Context, node.ConversationPage) ([]node.Conversation, error)
	ChangeConversation(ctx context.Context, ref string, change node.ConversationChange) (node.Conversation, error)
	SetDraft(ctx context.Context, ref string, draft node.Draft) error
	Conversation(ctx context.Context, ref string) (node.Conversation, error)
	Log(ctx context.Context, ref string, p node.Page) ([]node.Message, error)
	LastOwn(ctx context.Context, ref string) (node.Message, error)
	MarkRead(ctx context.Context, ref string, upTo kith.EventID) error
	SetTyping(ctx context.Context, ref string, active bool) error
}

type conversationPage struct {
	Limit    int    `query:"limit" minimum:"0" maximum:"10000" doc:"How many; all if 0 or absent"`
	After    string `query:"after" doc:"ID of the last conversation of the page before"`
	Archived string `query:"archived" enum:"true,false" doc:"Only those in the archive, or only the others; both if absent"`
}

type conversationChange struct {
	ByRef
	Body node.ConversationChange
}

type draft struct {
	ByRef
	Body node.Draft
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
	add(s, http.MethodGet, "/conversations", "listConversations", "The conversations: those pinned, then the others, each with the latest first", func(ctx context.Context, in *conversationPage) ([]node.Conversation, error) {
		p := node.ConversationPage{Limit: in.Limit}
		if in.After != "" {
			if err := p.After.UnmarshalText([]byte(in.After)); err != nil {
				return nil, kith.Errorf(kith.Invalid, "%q is not the ID of a conversation: %w", in.After, err)
			}
		}
		if in.Archived != "" {
			archived := in.Archived == "true"
			p.Archived = &archived
		}
		return n.Conversations(ctx, p)
	})
	add(s, http.MethodGet, "/conversations/{ref}", "getConversation", "One conversation", func(ctx context.Context, in *ByRef) (node.Conversation, error) {
		return n.Conversation(ctx, in.Ref)
	})
	add(s, http.MethodPatch, "/conversations/{ref}", "changeConversation", "Pin a conversation, put it into the archive, or take that back", func(ctx context.Context, in *conversationChange) (node.Conversation, error) {
		return n.ChangeConversation(ctx, in.Ref, in.Body)
	})
	do(s, http.MethodPut, "/conversations/{ref}/draft", "setDraft", "Keep what was written and not sent; a draft that is empty and answers nothing is none", func(ctx context.Context, in *draft) error {
		return n.SetDraft(ctx, in.Ref, in.Body)
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
