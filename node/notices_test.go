package node

import "testing"

// A notice that takes much to make is made when it is read, as things are then,
// and of several about the same only the newest.
func TestNoticesAreMadeWhenRead(t *testing.T) {
	n := newNotices()
	made, name := 0, "before"
	later := func(about string, there bool) {
		n.publishLater(about, func() (Notice, bool) {
			made++
			return Notice{Type: about + " " + name}, there
		})
	}
	later("one", true)
	n.publish(Notice{Type: "at once"})
	later("one", true)
	later("gone", false)
	later("two", true)
	name = "now"
	if made != 0 {
		t.Error("made before anybody read it")
	}
	batch, last, _, open := n.after(0)
	want := []string{"at once", "one now", "two now"}
	if len(batch) != len(want) || last != 5 || !open || made != 3 {
		t.Fatalf("got %+v, up to %d, made %d", batch, last, made)
	}
	for i, notice := range batch {
		if notice.Type != want[i] {
			t.Errorf("notice %d is %q, want %q", i, notice.Type, want[i])
		}
	}
	if number, ok := n.number(batch[1].ID); !ok || number != 3 {
		t.Errorf("the second has the number %d", number)
	}
}
