// Package convo holds the rules of a conversation, as pure functions: given
// what is known of a message and one more event about it, what do people see?
//
// All copies of a conversation end equal because folding is commutative,
// associative and idempotent:
//
//   - a text, share or torrent is written once, and only its author account
//     edits its words or deletes it;
//   - of several edits the one with the highest stamp counts, with its mentions;
//   - a deletion empties the message and outlives every edit and reaction,
//     whether they come before or after it;
//   - every account has one reaction to a message, the one with the highest
//     stamp; a withdrawn one stays as an empty emoji, so that an older one that
//     comes later cannot bring it back.
//
// An event about a message that is not here yet waits in the store until the
// message comes; then all that waited is folded in, in any order.
//
// The package knows no clock, goroutine, socket or disk.
package convo

import (
	"slices"
	"time"

	"kith"
)

// Fold applies one event to the message that it writes or names. For a text, a
// share or a torrent, msg is the zero Message. Folding an event again changes
// nothing.
//
// An error of kind kith.BadPeer means that the event has no effect because its
// author may not do what it says. It keeps its number in the author's sequence.
func Fold(msg *kith.Message, ev *kith.Event) error {
	switch body := ev.Body.(type) {
	case kith.Text:
		begin(msg, ev, kith.Message{Text: body.Text, ReplyTo: body.ReplyTo, Mentions: body.Mentions})
	case kith.Share:
		file := body.File
		file.Media.Preview = nil
		begin(msg, ev, kith.Message{
			Text: body.Caption, ReplyTo: body.ReplyTo,
			File: &file, HasPreview: len(body.File.Media.Preview) > 0, Replaces: body.Replaces,
		})
	case kith.Torrent:
		begin(msg, ev, kith.Message{Torrent: &body})
	case kith.Edit:
		return foldEdit(msg, ev, body)
	case kith.Deletion:
		return foldDeletion(msg, ev)
	case kith.Reaction:
		return foldReaction(msg, ev, body)
	}
	return nil // of a later version: kept, passed on, not shown
}

// begin makes the message of an event that begins one.
func begin(msg *kith.Message, ev *kith.Event, first kith.Message) {
	if !msg.ID.IsZero() {
		return
	}
	*msg = first
	msg.ID, msg.Conversation, msg.Author = ev.ID, ev.Conversation, ev.Author
	msg.Seq, msg.Order, msg.Sent = ev.Seq, ev.Order, ev.Sent
}

func foldEdit(msg *kith.Message, ev *kith.Event, body kith.Edit) error {
	if ev.Author.Account != msg.Author.Account {
		return kith.Errorf(kith.BadPeer, "account %s edits a message of account %s", ev.Author.Account.Short(), msg.Author.Account.Short())
	}
	if msg.Deleted || msg.Edited.Compare(ev.Stamp()) >= 0 {
		return nil
	}
	msg.Text, msg.Mentions = body.Text, body.Mentions
	msg.Edited = ev.Stamp()
	return nil
}

func foldDeletion(msg *kith.Message, ev *kith.Event) error {
	if ev.Author.Account != msg.Author.Account {
		return kith.Errorf(kith.BadPeer, "account %s deletes a message of account %s", ev.Author.Account.Short(), msg.Author.Account.Short())
	}
	msg.Deleted = true
	msg.Text, msg.Mentions = "", nil
	msg.File, msg.Torrent, msg.HasPreview = nil, nil, false
	msg.Edited = kith.Stamp{}
	msg.Reactions = nil
	return nil
}

func foldReaction(msg *kith.Message, ev *kith.Event, body kith.Reaction) error {
	if msg.Deleted {
		return nil
	}
	reaction := kith.AccountReaction{Account: ev.Author.Account, Emoji: body.Emoji, Stamp: ev.Stamp()}
	at, found := slices.BinarySearchFunc(msg.Reactions, reaction.Account, compareAccounts)
	if !found {
		msg.Reactions = slices.Insert(msg.Reactions, at, reaction)
	} else if msg.Reactions[at].Stamp.Compare(reaction.Stamp) < 0 {
		msg.Reactions[at] = reaction
	}
	return nil
}

func compareAccounts(r kith.AccountReaction, account kith.AccountID) int {
	return slices.Compare(r.Account[:], account[:])
}

// NextOrder is the Order of an event written at now in a conversation whose
// highest Order so far is after: the wall clock, or one more than what was
// seen if that is later. It stays below kith.MaxOrder whatever was seen.
func NextOrder(now time.Time, after uint64) uint64 {
	order := after + 1
	if ms := now.UnixMilli(); ms > 0 && uint64(ms) > order {
		order = uint64(ms)
	}
	return min(order, kith.MaxOrder-1)
}

// MayChange tells whether account may edit or delete the message, and if not,
// why, in words for the person who tried.
func MayChange(msg *kith.Message, account kith.AccountID) error {
	if msg.Author.Account != account {
		return kith.Errorf(kith.Forbidden, "only the person who wrote a message can change it")
	}
	if msg.Deleted {
		return kith.Errorf(kith.Conflict, "this message was deleted; it can't be changed any more")
	}
	return nil
}

// CheckText tells what is wrong with a text that somebody wants to send.
func CheckText(text string) error {
	if text == "" {
		return kith.Errorf(kith.Invalid, "the message is empty: write something first")
	}
	if len(text) > kith.MaxText {
		return kith.Errorf(kith.Invalid, "the message has %d bytes, and a message holds at most %d KiB: send it in parts", len(text), kith.MaxText>>10)
	}
	return nil
}

// CheckMentions tells what is wrong with the mentions in a text that somebody
// wants to send.
func CheckMentions(text string, mentions []kith.Mention) error {
	if err := kith.CheckMentions(text, mentions); err != nil {
		return kith.Errorf(kith.Invalid, "the message can't be written: %w", err)
	}
	return nil
}

// CheckDraft tells what is wrong with a text that is not sent yet. Its mentions
// need not stand in it yet either.
func CheckDraft(text string, mentions []kith.Mention) error {
	size := 0
	for _, m := range mentions {
		size += len(m.Text)
	}
	if len(text) > kith.MaxText || len(mentions) > kith.MaxMentions || size > kith.MaxMentionSize {
		return kith.Errorf(kith.Invalid, "the draft is too long to be kept: a message holds at most %d KiB and %d mentions", kith.MaxText>>10, kith.MaxMentions)
	}
	return nil
}

// CheckReaction tells what is wrong with a reaction that somebody wants to
// give; an empty emoji withdraws one.
func CheckReaction(msg *kith.Message, emoji string) error {
	if msg.Deleted {
		return kith.Errorf(kith.Conflict, "this message was deleted; it can't be reacted to")
	}
	if len(emoji) > kith.MaxEmoji {
		return kith.Errorf(kith.Invalid, "a reaction is one emoji of at most %d bytes", kith.MaxEmoji)
	}
	return nil
}
