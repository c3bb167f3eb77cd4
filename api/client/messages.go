package client

import (
	"context"
	"net/url"
	"strconv"

	"kith"
	"kith/node"
)

// Conversations lists them: those pinned, then the others, each with the latest
// first.
func (c *Client) Conversations(ctx context.Context, p node.ConversationPage) ([]node.Conversation, error) {
	q := url.Values{}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if !p.After.IsZero() {
		q.Set("after", p.After.String())
	}
	if p.Archived != nil {
		q.Set("archived", strconv.FormatBool(*p.Archived))
	}
	var out []node.Conversation
	err := c.get(ctx, "/conversations"+query(q), &out)
	return out, err
}

// ChangeConversation pins a conversation, puts it into the archive, or takes
// that back.
func (c *Client) ChangeConversation(ctx context.Context, ref string, change node.ConversationChange) (node.Conversation, error) {
	var out node.Conversation
	err := c.patch(ctx, at("conversations", ref), change, &out)
	return out, err
}

// SetDraft keeps what was written and not sent. An empty draft is none.
func (c *Client) SetDraft(ctx context.Context, ref string, draft node.Draft) error {
	return c.put(ctx, at("conversations", ref, "draft"), draft, nil)
}

// Conversation finds one by its ID or by the contact.
func (c *Client) Conversation(ctx context.Context, ref string) (node.Conversation, error) {
	var out node.Conversation
	err := c.get(ctx, at("conversations", ref), &out)
	return out, err
}

// Send writes a text to each of refs, to all or to none. A replyTo of zero
// answers nothing.
func (c *Client) Send(ctx context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]node.Message, error) {
	in := object{"to": append([]string{}, refs...), "text": text}
	if len(mentions) > 0 {
		in["mentions"] = mentions
	}
	if !replyTo.IsZero() {
		in["reply_to"] = replyTo
	}
	var out []node.Message
	err := c.post(ctx, "/messages", in, &out)
	return out, err
}

// Reply answers a message.
func (c *Client) Reply(ctx context.Context, id, text string, mentions ...kith.Mention) (node.Message, error) {
	var out node.Message
	err := c.post(ctx, at("messages", id, "replies"), textOf(text, mentions), &out)
	return out, err
}

// Edit replaces the text of a message of one's own.
func (c *Client) Edit(ctx context.Context, id, text string, mentions ...kith.Mention) (node.Message, error) {
	var out node.Message
	err := c.patch(ctx, at("messages", id), textOf(text, mentions), &out)
	return out, err
}

func textOf(text string, mentions []kith.Mention) object {
	in := object{"text": text}
	if len(mentions) > 0 {
		in["mentions"] = mentions
	}
	return in
}

// Delete takes a message of one's own back.
func (c *Client) Delete(ctx context.Context, id string) (node.Message, error) {
	var out node.Message
	err := c.delete(ctx, at("messages", id), &out)
	return out, err
}

// React sets one's reaction to a message; an empty one withdraws it.
func (c *Client) React(ctx context.Context, id, emoji string) (node.Message, error) {
	var out node.Message
	err := c.put(ctx, at("messages", id, "reaction"), object{"emoji": emoji}, &out)
	return out, err
}

// Message finds one by ID or its unambiguous start.
func (c *Client) Message(ctx context.Context, id string) (node.Message, error) {
	var out node.Message
	err := c.get(ctx, at("messages", id), &out)
	return out, err
}

// Receipts tells which device has a message and who has read it.
func (c *Client) Receipts(ctx context.Context, id string) ([]node.Receipt, error) {
	var out []node.Receipt
	err := c.get(ctx, at("messages", id, "receipts"), &out)
	return out, err
}

// Log gives a page of a conversation, oldest first.
func (c *Client) Log(ctx context.Context, ref string, p node.Page) ([]node.Message, error) {
	q := url.Values{}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if !p.Before.IsZero() {
		q.Set("before", p.Before.String())
	}
	if !p.After.IsZero() {
		q.Set("after", p.After.String())
	}
	var out []node.Message
	err := c.get(ctx, at("conversations", ref, "messages")+query(q), &out)
	return out, err
}

// LastOwn is the newest message of one's own in a conversation.
func (c *Client) LastOwn(ctx context.Context, ref string) (node.Message, error) {
	var out node.Message
	err := c.get(ctx, at("conversations", ref, "last-own"), &out)
	return out, err
}

// Search finds messages that hold all words, newest first; an empty ref
// searches everywhere.
func (c *Client) Search(ctx context.Context, words, ref string, limit int) ([]node.Message, error) {
	q := url.Values{"words": {words}}
	if ref != "" {
		q.Set("in", ref)
	}
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	var out []node.Message
	err := c.get(ctx, "/messages"+query(q), &out)
	return out, err
}

// MarkRead notes that everything up to a message was read; everything there is
// if upTo is zero.
func (c *Client) MarkRead(ctx context.Context, ref string, upTo kith.EventID) error {
	in := object{}
	if !upTo.IsZero() {
		in["up_to"] = upTo
	}
	return c.put(ctx, at("conversations", ref, "read"), in, nil)
}

// SetTyping tells the others that one writes, or stopped.
func (c *Client) SetTyping(ctx context.Context, ref string, active bool) error {
	return c.put(ctx, at("conversations", ref, "typing"), object{"active": active}, nil)
}

func query(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
