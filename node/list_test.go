package node

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"kith"
	"kith/people"
	"kith/store"
)

func yes() *bool { b := true; return &b }
func no() *bool  { return new(bool) }

// acquaint stores contacts of these names, without anybody behind them.
func acquaint(t *testing.T, n *Node, names ...string) {
	t.Helper()
	for i, name := range names {
		account := kith.AccountID{byte(i + 1), 77}
		err := n.run.people.change(t.Context(), func(next *draft) error {
			next.contacts = append(next.contacts, kith.Contact{
				Account: account, Petname: name, Relation: kith.Accepted, Card: kith.Card{Account: account},
			})
			next.settle = func(tx *store.Tx) error {
				return tx.EnsureDirect(kith.DirectConversation(n.run.id.peer.Account, account), account)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// greet writes to each in turn, in another millisecond each time: the list is
// in the order of times, which are no finer.
func greet(t *testing.T, n *Node, names ...string) {
	t.Helper()
	for _, name := range names {
		for at := time.Now().UnixMilli(); time.Now().UnixMilli() == at; {
			runtime.Gosched()
		}
		send(t, n, name, "hello "+name)
	}
}

// rows gives the names in a page of the list.
func rows(t *testing.T, n *Node, p ConversationPage) (names []string, last kith.ConversationID) {
	t.Helper()
	list, err := n.Conversations(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		names, last = append(names, c.With.Name), c.ID
	}
	return names, last
}

func TestConversationsAreArranged(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	ctx := t.Context()
	acquaint(t, ann, "a", "b", "c", "d")
	greet(t, ann, "a", "b", "c", "d")
	change := func(ref string, c ConversationChange, pinned, archived bool) {
		t.Helper()
		view, err := ann.ChangeConversation(ctx, ref, c)
		if err != nil || view.Pinned != pinned || view.Archived != archived || view.With.Name != ref {
			t.Errorf("%s: %+v, %v", ref, view, err)
		}
	}
	change("a", ConversationChange{Pinned: yes()}, true, false)
	change("c", ConversationChange{Archived: yes()}, false, true)
	change("d", ConversationChange{}, false, false)
	if _, err := ann.ChangeConversation(ctx, "b", ConversationChange{Pinned: yes(), Archived: yes()}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("both: %v", err)
	}
	if _, err := ann.ChangeConversation(ctx, "nobody", ConversationChange{Pinned: yes()}); kith.KindOf(err) != kith.NotFound {
		t.Errorf("nobody: %v", err)
	}
	if names, _ := rows(t, ann, ConversationPage{}); fmt.Sprint(names) != "[a d c b]" {
		t.Errorf("all: %v", names)
	}
	if names, _ := rows(t, ann, ConversationPage{Archived: yes()}); fmt.Sprint(names) != "[c]" {
		t.Errorf("archive: %v", names)
	}
	names, last := rows(t, ann, ConversationPage{Archived: no(), Limit: 2})
	if fmt.Sprint(names) != "[a d]" {
		t.Errorf("first page: %v", names)
	}
	if names, _ = rows(t, ann, ConversationPage{Archived: no(), Limit: 2, After: last}); fmt.Sprint(names) != "[b]" {
		t.Errorf("second page: %v", names)
	}
	if _, err := ann.Conversations(ctx, ConversationPage{Limit: -1}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("limit -1: %v", err)
	}
	greet(t, ann, "c") // which takes it out of the archive
	if names, _ := rows(t, ann, ConversationPage{}); fmt.Sprint(names) != "[a c d b]" {
		t.Errorf("after a message: %v", names)
	}
}

// A page is not shorter for those in it who were forgotten.
func TestPagesSkipTheForgotten(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	acquaint(t, ann, "a", "b", "c", "d", "e")
	greet(t, ann, "a", "b", "c", "d", "e")
	for _, name := range []string{"b", "d", "e"} {
		err := ann.run.people.change(t.Context(), func(next *draft) error {
			c, err := people.Find(ann.run.people.all(), name)
			next.forget = append(next.forget, c.Account)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]string{0: "[c a]", 1: "[c]", 2: "[c a]", 3: "[c a]"} {
		if names, _ := rows(t, ann, ConversationPage{Limit: limit}); fmt.Sprint(names) != want {
			t.Errorf("limit %d: %v, want %s", limit, names, want)
		}
	}
}

func TestDraftIsKept(t *testing.T) {
	home := t.TempDir()
	ann := open(t, home, "Ann")
	ctx := t.Context()
	acquaint(t, ann, "Bob")
	bob, err := ann.Contact(ctx, "Bob")
	if err != nil {
		t.Fatal(err)
	}
	about := kith.EventID{7}
	draft := Draft{Text: "half a thought @Bo", ReplyTo: &about, Mentions: []kith.Mention{{Account: bob.Account, Text: "@Bob"}}}
	if err := ann.SetDraft(ctx, "Bob", draft); err != nil {
		t.Fatal(err)
	}
	if err := ann.SetDraft(ctx, "Bob", Draft{Text: string(make([]byte, kith.MaxText+1))}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a long one: %v", err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	ann = open(t, home, "")
	if c, err := ann.Conversation(ctx, "Bob"); err != nil || c.Draft == nil || !reflect.DeepEqual(*c.Draft, draft) {
		t.Errorf("after a restart: %+v, %v", c.Draft, err)
	}
	send(t, ann, "Bob", "something else")
	if c, err := ann.Conversation(ctx, "Bob"); err != nil || c.Draft == nil {
		t.Errorf("after sending: %+v, %v", c.Draft, err)
	}
	if err := ann.SetDraft(ctx, "Bob", Draft{}); err != nil {
		t.Fatal(err)
	}
	if c, err := ann.Conversation(ctx, "Bob"); err != nil || c.Draft != nil {
		t.Errorf("taken away: %+v, %v", c.Draft, err)
	}
}

// Other tabs hear of what is changed in one.
func TestRowsAreTold(t *testing.T) {
	ann := open(t, t.TempDir(), "Ann")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acquaint(t, ann, "Bob")
	send(t, ann, "Bob", "hello")
	news := ann.Subscribe(ctx, "")
	told := func(what string, want func(*Conversation) bool) {
		t.Helper()
		for notice := range news {
			if notice.Type == "row" {
				if row := notice.Row; row == nil || row.With.Name != "Bob" || row.Last == nil || !want(row) {
					t.Errorf("%s: %+v", what, notice.Row)
				}
				return
			}
		}
	}
	if _, err := ann.ChangeConversation(ctx, "Bob", ConversationChange{Pinned: yes()}); err != nil {
		t.Fatal(err)
	}
	told("pinned", func(c *Conversation) bool { return c.Pinned })
	if err := ann.SetDraft(ctx, "Bob", Draft{Text: "well"}); err != nil {
		t.Fatal(err)
	}
	told("a draft", func(c *Conversation) bool { return c.Draft != nil && c.Draft.Text == "well" })
	if _, err := ann.ChangeConversation(ctx, "Bob", ConversationChange{Archived: yes()}); err != nil {
		t.Fatal(err)
	}
	told("archived", func(c *Conversation) bool { return c.Archived && !c.Pinned })
	send(t, ann, "Bob", "again")
	told("out of the archive", func(c *Conversation) bool { return !c.Archived && c.Last.Text == "again" })
}

func TestMentions(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	ctx := t.Context()
	befriend(t, ann, bob)
	anns, err := ann.Me(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bobs, err := bob.Me(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ofAnn, ofBob := kith.Mention{Account: anns.Account, Text: "@Ann"}, kith.Mention{Account: bobs.Account, Text: "@Bobby"}
	sent, err := bob.Send(ctx, []string{"Ann"}, "@Ann, ask @Bobby", kith.EventID{}, ofAnn, ofBob)
	if err != nil {
		t.Fatal(err)
	}
	if want := []NamedMention{{ofAnn, "Ann"}, {ofBob, "Bob"}}; !reflect.DeepEqual(sent[0].Mentions, want) || !sent[0].MentionsMe {
		t.Errorf("at Bob's: %+v", sent[0])
	}
	if _, err := ann.Rename(ctx, "Bob", "Robert"); err != nil {
		t.Fatal(err)
	}
	came := texts(t, ann, "Robert", "@Ann, ask @Bobby")[0]
	if want := []NamedMention{{ofAnn, "Ann"}, {ofBob, "Robert"}}; !reflect.DeepEqual(came.Mentions, want) || !came.MentionsMe {
		t.Errorf("at Ann's: %+v", came)
	}
	if c, err := ann.Conversation(ctx, "Robert"); err != nil || c.Unread != 1 || c.Mentioned != 1 {
		t.Errorf("%d of %d unread mention Ann, %v", c.Mentioned, c.Unread, err)
	}
	if _, err := bob.Edit(ctx, sent[0].ID.String(), "never mind, @Bobby", ofBob); err != nil {
		t.Fatal(err)
	}
	came = texts(t, ann, "Robert", "never mind, @Bobby")[0]
	if len(came.Mentions) != 1 || came.MentionsMe {
		t.Errorf("after the edit: %+v", came)
	}
	if c, err := ann.Conversation(ctx, "Robert"); err != nil || c.Unread != 1 || c.Mentioned != 0 {
		t.Errorf("after the edit: %d of %d unread mention Ann, %v", c.Mentioned, c.Unread, err)
	}
	stranger := kith.Mention{Account: kith.AccountID{9}, Text: "@Zoë"}
	answer, err := ann.Reply(ctx, came.ID.String(), "who is @Zoë?", stranger)
	if err != nil || len(answer.Mentions) != 1 || answer.Mentions[0].Name != stranger.Account.Short() {
		t.Errorf("%+v, %v", answer, err)
	}
	if _, err := ann.Send(ctx, []string{"Robert"}, "hello", kith.EventID{}, ofBob); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a mention that does not stand in the text: %v", err)
	}
	if _, err := ann.Reply(ctx, came.ID.String(), "hello", ofBob); kith.KindOf(err) != kith.Invalid {
		t.Errorf("the same in a reply: %v", err)
	}
	if _, err := ann.Edit(ctx, answer.ID.String(), "hello", ofBob); kith.KindOf(err) != kith.Invalid {
		t.Errorf("the same in an edit: %v", err)
	}
}
