package meet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"kith"
	"kith/link"
)

// Options of a Pursuit.
type Options struct {
	Log *slog.Logger
	// Linked is given every link that was made, from a goroutine of its own,
	// and owns it. It tells Pursuit.Linked before it returns, unless it closed
	// the link.
	Linked func(link.Link)
	// Callers are the couriers by which targets with a MeetKey are called, at
	// this moment; nil: none.
	Callers func() []Caller
	// Failed is told of every attempt that made no link; nil: nobody is.
	Failed func(kith.AccountID)
}

// A Pursuit keeps trying to have a link to every target. Its methods may be
// called from any goroutine, at any time, also while Run does not run.
type Pursuit struct {
	dialer Dialer
	opt    Options
	news   chan struct{} // the agenda changed; holds one

	mu     sync.Mutex
	agenda *agenda // guarded by mu
}

// A Caller calls targets by a courier; see package meet/call.
type Caller interface {
	Name() string // of the way
	// Call gives a link to the target's account. It returns soon after ctx
	// ends. An error's text is shown to people.
	Call(ctx context.Context, t Target) (link.Link, error)
}

// A Phase is how far a pursuit is with one contact.
type Phase string

// The phases.
const (
	Idle       Phase = "idle"       // nowhere to look: no way knows an address
	Connecting Phase = "connecting" // an attempt runs
	Waiting    Phase = "waiting"    // for Attempt.Next
	Linked     Phase = "linked"
)

// An Attempt tells how the pursuit of one contact stands.
type Attempt struct {
	Phase     Phase
	Tries     int       // since the last link or the last reason for new hope
	Next      time.Time // of the next attempt, when waiting; it may have to queue
	LastError string    // of the last attempt that failed, a sentence for people
	Ways      []State   // how each way does for this contact
}

// NewPursuit makes a Pursuit without targets.
func NewPursuit(d Dialer, opt Options) *Pursuit {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Pursuit{dialer: d, opt: opt, news: make(chan struct{}, 1), agenda: newAgenda()}
}

// change does f on the agenda and lets Run see what came of it.
func (p *Pursuit) change(f func(*agenda, time.Time)) {
	p.mu.Lock()
	f(p.agenda, time.Now())
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// SetTargets replaces the targets: new ones are tried at once, attempts at
// those who left end. Of two with the same account the last counts.
func (p *Pursuit) SetTargets(targets []Target) {
	p.change(func(a *agenda, now time.Time) { a.setTargets(targets, now) })
}

// Now tries an account at once: its person pressed the button, or something is
// to be sent.
func (p *Pursuit) Now(account kith.AccountID) {
	p.change(func(a *agenda, now time.Time) { a.now(account, now) })
}

// NetworkChanged tries everybody anew.
func (p *Pursuit) NetworkChanged() {
	p.change(func(a *agenda, now time.Time) { a.networkChanged(now) })
}

// Found takes in what a way found.
func (p *Pursuit) Found(f Find) {
	p.change(func(a *agenda, now time.Time) { a.found(f, now) })
}

// Linked tells that an account has a live link, whoever made it, or has none
// any more.
func (p *Pursuit) Linked(account kith.AccountID, up bool) {
	p.change(func(a *agenda, now time.Time) { a.linkChanged(account, up, now) })
}

// State tells how the pursuit of an account stands. One that is no target is
// idle.
func (p *Pursuit) State(account kith.AccountID) Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agenda.state(account)
}

// Run pursues until ctx ends, and has ended every attempt when it returns.
func (p *Pursuit) Run(ctx context.Context) error {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p.mu.Lock()
		jobs := p.agenda.next(time.Now(), p.callers())
		wake, ok := p.agenda.wake()
		for _, j := range jobs {
			var jobCtx context.Context
			jobCtx, j.cancel = context.WithTimeout(ctx, j.limit)
			attempts.Go(func() { p.do(jobCtx, j) })
		}
		p.mu.Unlock()
		timer.Stop()
		if ok {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.news:
		case <-timer.C:
		}
	}
}

// do runs a job: all its routes at once, the first link wins.
func (p *Pursuit) do(ctx context.Context, j *job) {
	defer j.cancel()
	dialCtx, win := context.WithCancel(ctx)
	defer win()
	failures := make([]failure, len(j.routes))
	var linked bool
	var mu sync.Mutex // guards linked
	var dials sync.WaitGroup
	for i, r := range j.routes {
		dials.Go(func() {
			l, err := p.reach(dialCtx, j, r)
			if err != nil {
				failures[i] = failure{r.way, p.explain(j, r, err)}
				return
			}
			win()
			mu.Lock()
			linked = true
			mu.Unlock()
			p.hand(l, j)
		})
	}
	dials.Wait()
	o := outcome{linked: linked}
	if !linked && !errors.Is(ctx.Err(), context.Canceled) {
		o.failures = failures
	}
	p.change(func(a *agenda, now time.Time) { a.done(j, o, now) })
	if !linked && j.instance == nil && p.opt.Failed != nil {
		p.opt.Failed(j.target.Account)
	}
}

// reach takes one route.
func (p *Pursuit) reach(ctx context.Context, j *job, r route) (link.Link, error) {
	if r.caller != nil {
		return r.caller.Call(ctx, j.target)
	}
	ctx, cancel := context.WithTimeout(ctx, min(j.limit, attemptLimit))
	defer cancel()
	return p.dialer.Dial(ctx, j.target, r.addrs, r.way)
}

func (p *Pursuit) callers() []Caller {
	if p.opt.Callers == nil {
		return nil
	}
	return p.opt.Callers()
}

// Hope tries an account at once, if it has no link: somebody heard of it.
func (p *Pursuit) Hope(account kith.AccountID) {
	p.change(func(a *agenda, now time.Time) {
		if c := a.contacts[account]; c != nil {
			a.hope(c, now)
		}
	})
}

// hand gives a link to its owner, if its account is still wanted.
func (p *Pursuit) hand(l link.Link, j *job) {
	p.mu.Lock()
	wanted := p.agenda.contacts[j.target.Account] == j.contact
	p.mu.Unlock()
	if !wanted {
		// They may be blocked, and must not learn of it.
		l.Close(link.Goodbye)
		return
	}
	p.opt.Log.Debug("linked", "account", j.target.Account.Short(), "way", l.Path().Way, "remote", l.Path().Remote)
	p.opt.Linked(l)
}

// explain is why a route gave no link, as a sentence for people.
func (p *Pursuit) explain(j *job, r route, err error) string {
	if r.caller == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("No answer from %s within %v.", places(r.addrs), min(j.limit, attemptLimit))
	}
	if j.instance == nil && !errors.Is(err, context.Canceled) {
		p.opt.Log.Debug("no link", "account", j.target.Account.Short(), "way", r.way, "err", err)
	}
	return err.Error()
}

// places names the first address and counts the others.
func places(addrs []netip.AddrPort) string {
	switch len(addrs) {
	case 1:
		return addrs[0].String()
	case 2:
		return fmt.Sprintf("%v and %v", addrs[0], addrs[1])
	}
	return fmt.Sprintf("%v and %d other addresses", addrs[0], len(addrs)-1)
}
