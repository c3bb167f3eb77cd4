package session

import (
	"testing"

	"kith/link"
	"kith/wire"
)

// Where UDP does not get through, a TCP connection carries the link, whoever
// makes it.
func TestStream(t *testing.T) {
	for name, taker := range map[string]int{"to the offer": 0, "to the answer": 1} {
		t.Run(name, func(t *testing.T) {
			a, b := newNode(t), newNode(t)
			ctx := inTime(t)
			oa, err := a.OfferNow(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ob, err := b.AnswerNow(ctx, streamsOf(oa.Local(), taker == 0))
			if err != nil {
				t.Fatal(err)
			}
			waiting := make(chan link.Link, 1)
			go func() {
				l, err := ob.Connect(ctx, nil)
				if err != nil {
					t.Error(err)
				}
				waiting <- l
			}()
			answer := streamsOf(ob.Local(), taker == 1)
			la, err := oa.Connect(ctx, &answer)
			if err != nil {
				t.Fatal(err)
			}
			lb := await(t, waiting, "the other end")
			if lb == nil {
				t.FailNow()
			}
			echo(t, la, lb)
			if p, q := la.Path(), lb.Path(); p.Kind != "direct" || p.Local != q.Remote || p.Remote != q.Local {
				t.Errorf("paths %+v and %+v", p, q)
			}
			la.Close(link.Goodbye)
			await(t, lb.Done(), "the goodbye")
			if lb.Reason() != link.Goodbye {
				t.Errorf("reason %v", lb.Reason())
			}
		})
	}
}

// streamsOf leaves a half with its TCP candidates, or with none.
func streamsOf(o wire.Offer, any bool) wire.Offer {
	var kept []wire.Candidate
	for _, c := range o.Candidates {
		if any && c.Transport == wire.CandidateTCPPassive {
			kept = append(kept, c)
		}
	}
	o.Candidates = kept
	return o
}
