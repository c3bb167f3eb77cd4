package call

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/meet"
	"kith/seal"
	"kith/wire"
)

// A company is devices with links between some of them.
type company struct {
	mu      sync.Mutex
	friends map[kith.DeviceID]*Friends
	said    int
}

func (c *company) add(t *testing.T, n byte, mail meet.Mail) *Friends {
	device := kith.DeviceID{n}
	f := NewFriends(func(to kith.DeviceID, frame wire.Frame) {
		c.mu.Lock()
		c.said++
		other := c.friends[to]
		c.mu.Unlock()
		switch frame := frame.(type) {
		case wire.Seek:
			go other.OnSeek(device, frame)
		case wire.Sought:
			go other.OnSought(device, frame)
		case wire.Pass:
			go other.OnPass(device, frame)
		}
	})
	f.now = func() time.Time { return time.Now().Add(12 * time.Hour) } // tests begin at midnight
	c.mu.Lock()
	if c.friends == nil {
		c.friends = map[kith.DeviceID]*Friends{}
	}
	c.friends[device] = f
	c.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	go f.Run(ctx, mail)
	t.Cleanup(stop)
	return f
}

func (c *company) link(a, b byte) {
	c.friends[kith.DeviceID{a}].Up(kith.DeviceID{b}, accountOf(kith.DeviceID{b}))
	c.friends[kith.DeviceID{b}].Up(kith.DeviceID{a}, accountOf(kith.DeviceID{a}))
	synctest.Wait()
}

// A letterbox keeps what comes.
type letterbox struct {
	mu      sync.Mutex
	notes   []string
	present []kith.AccountID
}

func (l *letterbox) Note(_ meet.Correspondent, _ meet.Courier, note []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, string(note))
}

func (l *letterbox) Present(who meet.Correspondent, _ meet.Courier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present = append(l.present, who.Account)
}

func TestAFriendBringsTwoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c company
		var annsMail, bensMail, cleosMail letterbox
		ann, ben := c.add(t, 1, &annsMail), c.add(t, 2, &bensMail)
		c.add(t, 3, &cleosMail)
		toBen := meet.Correspondent{Account: accountOf(kith.DeviceID{2}), Key: pairKey}
		ann.SetCorrespondents([]meet.Correspondent{toBen})
		ben.SetCorrespondents([]meet.Correspondent{{Account: accountOf(kith.DeviceID{1}), Key: pairKey}})
		c.link(1, 3)
		if _, known, err := ann.Send(t.Context(), toBen, []byte("too soon")); !known || err != nil {
			t.Errorf("before Ben is there: known %v, %v", known, err)
		}
		c.link(2, 3)
		if !slices.Equal(annsMail.present, []kith.AccountID{toBen.Account}) || len(bensMail.present) != 1 {
			t.Errorf("told of are %v and %v", annsMail.present, bensMail.present)
		}
		if _, known, err := ann.Send(t.Context(), toBen, []byte("hello")); known || err != nil {
			t.Errorf("with Ben there: known %v, %v", known, err)
		}
		synctest.Wait()
		if !slices.Equal(bensMail.notes, []string{"hello"}) {
			t.Errorf("Ben got %q", bensMail.notes)
		}
		if len(cleosMail.notes) > 0 || len(annsMail.notes) > 0 {
			t.Errorf("others got %q and %q", cleosMail.notes, annsMail.notes)
		}
	})
}

func TestAStrangerToATagPassesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c company
		var bensMail letterbox
		c.add(t, 1, &letterbox{})
		ben := c.add(t, 2, &bensMail)
		c.add(t, 3, &letterbox{})
		ben.SetCorrespondents([]meet.Correspondent{{Account: accountOf(kith.DeviceID{1}), Key: pairKey}})
		c.link(2, 3)
		c.link(1, 3)
		tag := pairKey.Tag(friendPlace, days(time.Now().Add(12 * time.Hour))[0])
		c.friends[kith.DeviceID{3}].OnPass(kith.DeviceID{1}, wire.Pass{Tag: tag, Note: []byte("I do not seek")})
		synctest.Wait()
		if len(bensMail.notes) > 0 {
			t.Errorf("Ben got %q", bensMail.notes)
		}
	})
}

func TestWhatIsDoneForOthersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c company
		var bensMail letterbox
		ann, ben := c.add(t, 1, &letterbox{}), c.add(t, 2, &bensMail)
		c.add(t, 3, &letterbox{})
		ann.SetCorrespondents([]meet.Correspondent{{Account: accountOf(kith.DeviceID{2}), Key: pairKey}})
		ben.SetCorrespondents([]meet.Correspondent{{Account: accountOf(kith.DeviceID{1}), Key: pairKey}})
		c.link(1, 3)
		c.link(2, 3)
		tag := pairKey.Tag(friendPlace, days(time.Now().Add(12 * time.Hour))[0])
		for range 1000 {
			c.friends[kith.DeviceID{3}].OnPass(kith.DeviceID{1}, wire.Pass{Tag: tag, Note: []byte("again")})
		}
		synctest.Wait()
		if n := len(bensMail.notes); n == 0 || n > passBurst {
			t.Errorf("%d of 1000 notes were passed on, at most %d should be", n, passBurst)
		}
		many := wire.Seek{}
		for n := range wire.MaxSought {
			many.Tags = append(many.Tags, seal.PairMeet(kith.Secret{byte(n), 1}).Tag(friendPlace, 1))
		}
		c.friends[kith.DeviceID{3}].OnSeek(kith.DeviceID{9}, many) // of a link that is not there
	})
}
