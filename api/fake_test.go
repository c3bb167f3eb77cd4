package api

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"kith"
	"kith/node"
)

// fakeNode notes what it was asked and answers with samples, or with err.
type fakeNode struct {
	err       error
	home      string               // of Me, if set
	content   func() *node.Content // of OpenFile
	subscribe func(ctx context.Context, after string) <-chan node.Numbered

	mu     sync.Mutex
	method string // guarded by mu, as is args
	args   []any
}

func (f *fakeNode) note(method string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.method, f.args = method, args
}

func (f *fakeNode) asked() (string, []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.method, f.args
}

// give answers a call with a sample.
func give[T any](f *fakeNode, method string, args ...any) (T, error) {
	f.note(method, args...)
	if f.err != nil {
		var zero T
		return zero, f.err
	}
	return sample(reflect.TypeFor[T]()).Interface().(T), nil
}

func (f *fakeNode) only(method string, args ...any) error {
	f.note(method, args...)
	return f.err
}

// sample makes a value with something in every field.
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC)))
		return v
	case reflect.TypeFor[time.Duration]():
		v.SetInt(int64(45 * time.Minute))
		return v
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString("Zoë / .. %2F?#+\u202e\"<b>")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.25)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(0xa7)
	case reflect.Pointer:
		v.Set(sample(t.Elem()).Addr())
	case reflect.Slice:
		v.Set(reflect.Append(v, sample(t.Elem())))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(sample(t.Key()), sample(t.Elem()))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).Set(sample(t.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			v.Field(i).Set(sampleField(t.Field(i)))
		}
	default:
		panic("no sample of " + t.String())
	}
	return v
}

// sampleField makes what the document allows a field to hold.
func sampleField(f reflect.StructField) reflect.Value {
	v := sample(f.Type)
	allowed, _, _ := strings.Cut(f.Tag.Get("enum"), ",")
	if f.Tag.Get("pattern") != "" {
		allowed = f.Tag.Get("example")
	}
	if target := v; allowed != "" {
		if f.Type.Kind() == reflect.Pointer {
			target = v.Elem()
		}
		target.SetString(allowed)
	}
	return v
}

func (f *fakeNode) Me(context.Context) (node.Me, error) {
	if f.home != "" {
		return node.Me{Home: f.home}, nil
	}
	return give[node.Me](f, "Me")
}
func (f *fakeNode) SetName(_ context.Context, name string) (node.Me, error) {
	return give[node.Me](f, "SetName", name)
}
func (f *fakeNode) SetVisible(_ context.Context, visible bool) (node.Me, error) {
	return give[node.Me](f, "SetVisible", visible)
}
func (f *fakeNode) Preferences(context.Context) (node.Preferences, error) {
	return give[node.Preferences](f, "Preferences")
}
func (f *fakeNode) SetPreferences(_ context.Context, p node.Preferences) (node.Preferences, error) {
	return give[node.Preferences](f, "SetPreferences", p)
}
func (f *fakeNode) Hubs(context.Context) ([]node.Hub, error) { return give[[]node.Hub](f, "Hubs") }
func (f *fakeNode) AddHub(_ context.Context, address string) (node.Hub, error) {
	return give[node.Hub](f, "AddHub", address)
}
func (f *fakeNode) RemoveHub(_ context.Context, address string) error {
	return f.only("RemoveHub", address)
}
func (f *fakeNode) Doctor(context.Context) ([]node.Finding, error) {
	return give[[]node.Finding](f, "Doctor")
}
func (f *fakeNode) ICEServers(context.Context) ([]node.ICEServer, error) {
	return give[[]node.ICEServer](f, "ICEServers")
}
func (f *fakeNode) SetICEServers(_ context.Context, s []node.ICEServer) error {
	return f.only("SetICEServers", s)
}
func (f *fakeNode) SetPassphrase(_ context.Context, old, new string) error {
	return f.only("SetPassphrase", old, new)
}
func (f *fakeNode) Backup(_ context.Context, path, passphrase string) error {
	return f.only("Backup", path, passphrase)
}
func (f *fakeNode) Invite(_ context.Context, o node.InviteOptions) (node.Invitation, error) {
	return give[node.Invitation](f, "Invite", o)
}
func (f *fakeNode) Invitations(context.Context) ([]node.Invitation, error) {
	return give[[]node.Invitation](f, "Invitations")
}
func (f *fakeNode) Revoke(_ context.Context, line string) error { return f.only("Revoke", line) }
func (f *fakeNode) Join(_ context.Context, line string) (node.Contact, error) {
	return give[node.Contact](f, "Join", line)
}
func (f *fakeNode) Contacts(context.Context) ([]node.Contact, error) {
	return give[[]node.Contact](f, "Contacts")
}
func (f *fakeNode) Contact(_ context.Context, ref string) (node.Contact, error) {
	return give[node.Contact](f, "Contact", ref)
}
func (f *fakeNode) Accept(_ context.Context, ref string) (node.Contact, error) {
	return give[node.Contact](f, "Accept", ref)
}
func (f *fakeNode) Refuse(_ context.Context, ref string) error { return f.only("Refuse", ref) }
func (f *fakeNode) Rename(_ context.Context, ref, petname string) (node.Contact, error) {
	return give[node.Contact](f, "Rename", ref, petname)
}
func (f *fakeNode) Remove(_ context.Context, ref string) error { return f.only("Remove", ref) }
func (f *fakeNode) SafetyNumber(_ context.Context, ref string) (node.SafetyNumber, error) {
	return give[node.SafetyNumber](f, "SafetyNumber", ref)
}
func (f *fakeNode) SetVerified(_ context.Context, ref string, verified bool) (node.Contact, error) {
	return give[node.Contact](f, "SetVerified", ref, verified)
}
func (f *fakeNode) Block(_ context.Context, ref string, d time.Duration) (node.Contact, error) {
	return give[node.Contact](f, "Block", ref, d)
}
func (f *fakeNode) Unblock(_ context.Context, ref string) (node.Contact, error) {
	return give[node.Contact](f, "Unblock", ref)
}
func (f *fakeNode) Restore(_ context.Context, path string, p node.Passphrases) error {
	text, err := os.ReadFile(path) // it is gone later
	return errors.Join(f.only("Restore", string(text), p), err)
}
func (f *fakeNode) Keys(context.Context) ([]node.Key, error) { return give[[]node.Key](f, "Keys") }
func (f *fakeNode) Storage(context.Context) (node.Storage, error) {
	return give[node.Storage](f, "Storage")
}
func (f *fakeNode) Conversations(_ context.Context, p node.ConversationPage) ([]node.Conversation, error) {
	return give[[]node.Conversation](f, "Conversations", p)
}
func (f *fakeNode) ChangeConversation(_ context.Context, ref string, change node.ConversationChange) (node.Conversation, error) {
	return give[node.Conversation](f, "ChangeConversation", ref, change)
}
func (f *fakeNode) SetDraft(_ context.Context, ref string, draft node.Draft) error {
	return f.only("SetDraft", ref, draft)
}
func (f *fakeNode) Conversation(_ context.Context, ref string) (node.Conversation, error) {
	return give[node.Conversation](f, "Conversation", ref)
}
func (f *fakeNode) Log(_ context.Context, ref string, p node.Page) ([]node.Message, error) {
	return give[[]node.Message](f, "Log", ref, p)
}
func (f *fakeNode) LastOwn(_ context.Context, ref string) (node.Message, error) {
	return give[node.Message](f, "LastOwn", ref)
}
func (f *fakeNode) MarkRead(_ context.Context, ref string, upTo kith.EventID) error {
	return f.only("MarkRead", ref, upTo)
}
func (f *fakeNode) SetTyping(_ context.Context, ref string, active bool) error {
	return f.only("SetTyping", ref, active)
}
func (f *fakeNode) Send(_ context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]node.Message, error) {
	return give[[]node.Message](f, "Send", refs, text, replyTo, mentions)
}
func (f *fakeNode) Reply(_ context.Context, id, text string, mentions ...kith.Mention) (node.Message, error) {
	return give[node.Message](f, "Reply", id, text, mentions)
}
func (f *fakeNode) Edit(_ context.Context, id, text string, mentions ...kith.Mention) (node.Message, error) {
	return give[node.Message](f, "Edit", id, text, mentions)
}
func (f *fakeNode) Delete(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "Delete", id)
}
func (f *fakeNode) React(_ context.Context, id, emoji string) (node.Message, error) {
	return give[node.Message](f, "React", id, emoji)
}
func (f *fakeNode) Message(_ context.Context, id string) (node.Message, error) {
	return give[node.Message](f, "Message", id)
}
func (f *fakeNode) Receipts(_ context.Context, id string) ([]node.Receipt, error) {
	return give[[]node.Receipt](f, "Receipts", id)
}
func (f *fakeNode) Search(_ context.Context, words, ref string, limit int) ([]node.Message, error) {
	return give[[]node.Message](f, "Search", words, ref, limit)
}
func (f *fakeNode) Status(context.Context) (node.Status, error) {
	return give[node.Status](f, "Status")
}
func (f *fakeNode) Retry(_ context.Context, ref string) error { return f.only("Retry", ref) }
func (f *fakeNode) Offer(_ context.Context, ref string) (string, error) {
	return give[string](f, "Offer", ref)
}
func (f *fakeNode) AnswerOffer(_ context.Context, ref, line string) (string, error) {
	return give[string](f, "AnswerOffer", ref, line)
}
func (f *fakeNode) Subscribe(ctx context.Context, after string) <-chan node.Numbered {
	return f.subscribe(ctx, after)
}

// emptyNode has no contacts.
type emptyNode struct{ fakeNode }

func (*emptyNode) Contacts(context.Context) ([]node.Contact, error) { return nil, nil }

func (f *fakeNode) Befriend(_ context.Context, ref string) (node.Contact, error) {
	return give[node.Contact](f, "Befriend", ref)
}
func (f *fakeNode) Spheres(context.Context) ([]node.Sphere, error) {
	return give[[]node.Sphere](f, "Spheres")
}
func (f *fakeNode) Sphere(_ context.Context, ref string) (node.Sphere, error) {
	return give[node.Sphere](f, "Sphere", ref)
}
func (f *fakeNode) NewSphere(_ context.Context, p node.SphereProfile) (node.Sphere, error) {
	return give[node.Sphere](f, "NewSphere", p)
}
func (f *fakeNode) DescribeSphere(_ context.Context, ref string, p node.SphereProfile) (node.Sphere, error) {
	return give[node.Sphere](f, "DescribeSphere", ref, p)
}
func (f *fakeNode) InviteToSphere(_ context.Context, ref string, names []string) (node.Sphere, error) {
	return give[node.Sphere](f, "InviteToSphere", ref, names)
}
func (f *fakeNode) Uninvite(_ context.Context, ref, name string) (node.Sphere, error) {
	return give[node.Sphere](f, "Uninvite", ref, name)
}
func (f *fakeNode) InviteLine(_ context.Context, ref string, o node.InviteOptions) (node.Invitation, error) {
	return give[node.Invitation](f, "InviteLine", ref, o)
}
func (f *fakeNode) JoinSphere(_ context.Context, ref string) (node.Sphere, error) {
	return give[node.Sphere](f, "JoinSphere", ref)
}
func (f *fakeNode) DeclineSphere(_ context.Context, ref string) error {
	return f.only("DeclineSphere", ref)
}
func (f *fakeNode) LeaveSphere(_ context.Context, ref string) (node.Sphere, error) {
	return give[node.Sphere](f, "LeaveSphere", ref)
}
func (f *fakeNode) RemoveMember(_ context.Context, ref, name string) (node.Sphere, error) {
	return give[node.Sphere](f, "RemoveMember", ref, name)
}
func (f *fakeNode) Promote(_ context.Context, ref, name string) (node.Sphere, error) {
	return give[node.Sphere](f, "Promote", ref, name)
}
func (f *fakeNode) Demote(_ context.Context, ref, name string) (node.Sphere, error) {
	return give[node.Sphere](f, "Demote", ref, name)
}
func (f *fakeNode) HandOver(_ context.Context, ref, name string) (node.Sphere, error) {
	return give[node.Sphere](f, "HandOver", ref, name)
}
func (f *fakeNode) Mute(_ context.Context, ref, name string, d time.Duration) (node.Sphere, error) {
	return give[node.Sphere](f, "Mute", ref, name, d)
}
