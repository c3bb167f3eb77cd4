package main

import (
	"context"
	"encoding/json"
	"slices"

	"kith"
	"kith/api/client"
	"kith/node"
)

// follow prints the newest messages of a conversation and then, until ctx
// ends, each that comes or changes. Events are asked for before the log, so
// that nothing falls between the two.
func (e *env) follow(ctx context.Context, c *client.Client, ref string, limit int) error {
	events := c.Events(ctx, "")
	with, err := c.Conversation(ctx, ref)
	if err != nil {
		return nearly(ctx, c, err, ref)
	}
	f := &follower{env: e, client: c, ref: with.ID.String(), conversation: with.ID, shown: map[kith.EventID]string{}}
	// Without any to print, the newest still says where to go on.
	list, err := c.Log(ctx, f.ref, node.Page{Limit: max(limit, 1)})
	if err != nil {
		return err
	}
	unprinted := max(0, len(list)-limit)
	for _, m := range list[:unprinted] {
		f.remember(m)
	}
	if err := f.printAll(list[unprinted:]); err != nil {
		return err
	}
	for event, err := range events {
		if err == nil {
			err = f.event(ctx, event.Notice)
		}
		switch {
		case err == nil:
			f.lost = false
		case kith.KindOf(err) != kith.Unreachable:
			return err
		case !f.lost:
			f.lost = true
			e.tell("kith: %v; waiting for it\n", err)
		}
	}
	return nil
}

// A follower is one run of log --follow.
type follower struct {
	*env
	client       *client.Client
	ref          string
	conversation kith.ConversationID
	last         kith.EventID // of the message that was printed last
	lost         bool         // the node was, and that was told

	// shown is how the last maxShown messages looked, and order their IDs from
	// the oldest.
	shown map[kith.EventID]string
	order []kith.EventID
}

const maxShown = 4096

func (f *follower) event(ctx context.Context, n node.Notice) error {
	switch {
	case n.Message != nil && n.Message.Conversation == f.conversation:
		if _, known := f.shown[n.Message.ID]; n.Type == "transfer" && !known {
			return nil // of a file further up, and nothing new
		}
		return f.print(*n.Message)
	case n.Type == "reset", n.Conversation != nil && *n.Conversation == f.conversation:
		return f.catchUp(ctx)
	}
	return nil
}

// catchUp prints what came or changed unheard. What lies before the first
// message that was printed stays unprinted.
func (f *follower) catchUp(ctx context.Context) error {
	list, err := f.client.Log(ctx, f.ref, node.Page{Limit: maxLimit})
	if err != nil {
		return err
	}
	known := slices.IndexFunc(list, func(m node.Message) bool { _, ok := f.shown[m.ID]; return ok })
	if known >= 0 || len(f.order) == 0 {
		return f.printAll(list[max(known, 0):])
	}
	for full := true; full; full = len(list) == maxLimit {
		if list, err = f.client.Log(ctx, f.ref, node.Page{Limit: maxLimit, After: f.last}); err != nil {
			return err
		}
		if err := f.printAll(list); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) printAll(list []node.Message) error {
	for _, m := range list {
		if err := f.print(m); err != nil {
			return err
		}
	}
	return nil
}

// print prints a message unless it looks as it did: people are not shown that
// only its state changed, and nobody each step of a transfer.
func (f *follower) print(m node.Message) error {
	before, known := f.shown[m.ID]
	now := f.remember(m)
	if known && before == now {
		return nil
	}
	return f.emit(m, func() { f.printMessage(m, 0) })
}

// remember notes how a message looks.
func (f *follower) remember(m node.Message) string {
	seen := m
	if !f.json {
		seen.State = ""
	}
	seen.File, seen.Torrent = settled(m)
	text, err := json.Marshal(seen)
	if err != nil {
		panic(err) // a view has nothing that can't be encoded
	}
	if _, known := f.shown[m.ID]; !known {
		f.last = m.ID
		f.order = append(f.order, m.ID)
	}
	f.shown[m.ID] = string(text)
	if len(f.order) > maxShown {
		delete(f.shown, f.order[0])
		f.order = f.order[1:]
	}
	return string(text)
}

// settled is what a message shares, as it looks while it comes and after that.
func settled(m node.Message) (*node.File, *node.Torrent) {
	calm := func(t node.Transfer) node.Transfer {
		switch t.State {
		case node.TransferNone, node.TransferWaiting, node.TransferQueued, node.TransferFetching, node.TransferChecking, node.TransferPaused:
			return node.Transfer{}
		}
		return node.Transfer{State: t.State}
	}
	if m.File != nil {
		file := *m.File
		file.Transfer = calm(file.Transfer)
		return &file, nil
	}
	if m.Torrent != nil {
		torrent := *m.Torrent
		torrent.Transfer = calm(torrent.Transfer)
		return nil, &torrent
	}
	return nil, nil
}
