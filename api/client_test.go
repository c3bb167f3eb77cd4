package api

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/api/client"
	"kith/node"
)

func serve(t *testing.T, f *fakeNode, o Options) *client.Client {
	t.Helper()
	s := httptest.NewServer(newHandler(f, o))
	t.Cleanup(s.Close)
	return client.New(s.URL, s.Client())
}

// Every method of the client reaches the node's method of the same name with
// the same arguments, and its results come back whole.
func TestClientMirrorsNode(t *testing.T) {
	f := &fakeNode{}
	c := serve(t, f, Options{})
	wanted := reflect.TypeFor[backend]()
	for i := range wanted.NumMethod() {
		want := wanted.Method(i)
		if slices.Contains([]string{"Subscribe", "Restore", "Upload", "OpenFile"}, want.Name) {
			continue // Events stands for the first; the others read and write files
		}
		t.Run(want.Name, func(t *testing.T) {
			method := reflect.ValueOf(c).MethodByName(want.Name)
			if !method.IsValid() {
				t.Fatal("the client lacks it")
			}
			if method.Type() != want.Type {
				t.Fatalf("the client has %v, the node %v", method.Type(), want.Type)
			}
			if theirs, ok := reflect.TypeFor[*node.Node]().MethodByName(want.Name); !ok || theirs.Type.NumIn() != want.Type.NumIn()+1 {
				t.Fatalf("the node has %v", theirs.Type)
			}
			in := []reflect.Value{reflect.ValueOf(t.Context())}
			var args []any
			for i := 1; i < want.Type.NumIn(); i++ {
				v := sample(want.Type.In(i))
				in, args = append(in, v), append(args, v.Interface())
			}
			call := method.Call
			if want.Type.IsVariadic() {
				call = method.CallSlice
			}

			out := call(in)
			if err, _ := out[len(out)-1].Interface().(error); err != nil {
				t.Fatal(err)
			}
			asked, got := f.asked()
			if asked != want.Name || !reflect.DeepEqual(got, args) {
				t.Fatalf("the node was asked %s%q, want %s%q", asked, got, want.Name, args)
			}
			if len(out) == 2 {
				if full := sample(want.Type.Out(0)).Interface(); !reflect.DeepEqual(out[0].Interface(), full) {
					t.Errorf("got  %+v\nwant %+v", out[0].Interface(), full)
				}
			}

			refused := kith.Errorf(kith.Conflict, "not now: “%s”", want.Name)
			f.err = refused
			defer func() { f.err = nil }()
			out = call(in)
			err, _ := out[len(out)-1].Interface().(error)
			if err == nil || err.Error() != refused.Error() || kith.KindOf(err) != kith.Conflict {
				t.Errorf("error %v of kind %v, want %v", err, kith.KindOf(err), refused)
			}
		})
	}
}

// What is empty stays empty on the way.
func TestClientSendsAbsence(t *testing.T) {
	f := &fakeNode{}
	c := serve(t, f, Options{})
	ctx := t.Context()
	tests := []struct {
		name string
		call func() error
		want []any
	}{
		{"no reply", func() error { _, err := c.Send(ctx, []string{"a", "b"}, "", kith.EventID{}); return err }, []any{[]string{"a", "b"}, "", kith.EventID{}, []kith.Mention(nil)}},
		{"all conversations", func() error { _, err := c.Conversations(ctx, node.ConversationPage{}); return err }, []any{node.ConversationPage{}}},
		{"not archived", func() error { _, err := c.Conversations(ctx, node.ConversationPage{Archived: new(bool)}); return err }, []any{node.ConversationPage{Archived: new(bool)}}},
		{"no change", func() error { _, err := c.ChangeConversation(ctx, "a", node.ConversationChange{}); return err }, []any{"a", node.ConversationChange{}}},
		{"no draft", func() error { return c.SetDraft(ctx, "a", node.Draft{}) }, []any{"a", node.Draft{}}},
		{"newest page", func() error { _, err := c.Log(ctx, "a", node.Page{}); return err }, []any{"a", node.Page{}}},
		{"everywhere", func() error { _, err := c.Search(ctx, "w", "", 0); return err }, []any{"w", "", 0}},
		{"all read", func() error { return c.MarkRead(ctx, "a", kith.EventID{}) }, []any{"a", kith.EventID{}}},
		{"no petname", func() error { _, err := c.Rename(ctx, "a", ""); return err }, []any{"a", ""}},
		{"for good", func() error { _, err := c.Block(ctx, "a", 0); return err }, []any{"a", time.Duration(0)}},
		{"usual expiry", func() error { _, err := c.Invite(ctx, node.InviteOptions{}); return err }, []any{node.InviteOptions{}}},
		{"no servers", func() error { return c.SetICEServers(ctx, nil) }, []any{[]node.ICEServer{}}},
		{"files of all", func() error { _, err := c.Files(ctx, "", node.FilesPage{}); return err }, []any{"", node.FilesPage{}}},
		{"all of a folder", func() error { _, err := c.FetchFile(ctx, "a", node.FetchRequest{}); return err }, []any{"a", node.FetchRequest{}}},
		{"forward", func() error { _, err := c.ForwardFile(ctx, "a", []string{"b", "c"}, "look"); return err }, []any{"a", []string{"b", "c"}, "look"}},
		{"last in order", func() error { _, err := c.MoveFile(ctx, "a", ""); return err }, []any{"a", ""}},
		{"no change of a folder", func() error { _, err := c.SetFolder(ctx, "a", node.FolderChange{}); return err }, []any{"a", node.FolderChange{}}},
		{"a folder of no size", func() error { _, err := c.SetFolder(ctx, "a", node.FolderChange{Most: new(int64)}); return err }, []any{"a", node.FolderChange{Most: new(int64)}}},
		{"nothing to say", func() error { _, err := c.ShareUpload(ctx, "a", "b", node.UploadRequest{}); return err }, []any{"a", "b", node.UploadRequest{}}},
		{"no torrent", func() error { _, err := c.ShareTorrent(ctx, "a", "magnet:?", nil, ""); return err }, []any{"a", "magnet:?", []byte(nil), ""}},
		{"dots", func() error { _, err := c.Contact(ctx, ".."); return err }, []any{".."}},
		{"one dot", func() error { return c.Refuse(ctx, ".") }, []any{"."}},
		{"a blank", func() error { return c.Remove(ctx, "") }, []any{" "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.call(); err != nil {
				t.Fatal(err)
			}
			if _, got := f.asked(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("the node was asked %q, want %q", got, test.want)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	t.Run("nothing answers", func(t *testing.T) {
		s := httptest.NewServer(nil)
		s.Close()
		_, err := client.New(s.URL, s.Client()).Me(t.Context())
		if kith.KindOf(err) != kith.Unreachable {
			t.Errorf("got %v of kind %v", err, kith.KindOf(err))
		}
	})
	t.Run("something else answers", func(t *testing.T) {
		s := httptest.NewServer(nil) // 404 page not found
		defer s.Close()
		_, err := client.New(s.URL, s.Client()).Me(t.Context())
		if err == nil || kith.KindOf(err) != kith.Internal {
			t.Errorf("got %v of kind %v", err, kith.KindOf(err))
		}
	})
	t.Run("every kind", func(t *testing.T) {
		f := &fakeNode{}
		c := serve(t, f, Options{})
		for kind := kith.Internal; kind <= kith.BadPeer; kind++ {
			f.err = kith.Errorf(kind, "the sentence")
			_, err := c.Me(t.Context())
			if got := kith.KindOf(err); got != kind {
				t.Errorf("%v came back as %v", kind, got)
			}
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		ended := make(chan struct{})
		c := serve(t, &fakeNode{}, Options{Shutdown: func() { close(ended) }})
		if err := c.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-ended
	})
	t.Run("home without a node", func(t *testing.T) {
		_, err := client.Home(t.TempDir())
		var e *kith.Error
		if !errors.As(err, &e) || e.Kind != kith.Unreachable {
			t.Errorf("got %v", err)
		}
	})
}
