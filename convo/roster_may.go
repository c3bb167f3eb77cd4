package convo

import (
	"fmt"
	"time"

	"kith"
)

// Why somebody may not do something, in words for them.
var (
	errNotIn   = kith.Errorf(kith.Forbidden, "only members of the sphere can do this")
	errNotHere = kith.Errorf(kith.NotFound, "this person is not in the sphere")
	errSimple  = kith.Errorf(kith.Forbidden, "only the creator of the sphere and its admins can do this")
	errSenior  = kith.Errorf(kith.Forbidden, "this person is an admin who is not below you: ask the creator of the sphere")
	errSelf    = kith.Errorf(kith.Invalid, "this can't be done to oneself")
	errCreated = kith.Errorf(kith.Conflict, "the sphere exists already")
	errOut     = kith.Errorf(kith.Conflict, "this person was removed meanwhile")
	errIn      = kith.Errorf(kith.Conflict, "this person is in the sphere already")
	errFull    = kith.Errorf(kith.Conflict, "the sphere is full: it holds at most %d people", kith.MaxMembers)
	errBarred  = kith.Errorf(kith.Forbidden, "this person was removed from the sphere: only its creator and admins can bring them back")
	errAdmin   = kith.Errorf(kith.Conflict, "this person is an admin already")
	errNoAdmin = kith.Errorf(kith.Conflict, "this person is not an admin")
	errCreator = kith.Errorf(kith.Forbidden, "only the creator of the sphere can hand it over")
	errStay    = kith.Errorf(kith.Conflict, "you created this sphere: hand it over to somebody else before you leave")
	errMute    = kith.Errorf(kith.Invalid, "somebody can be muted for %d to %d hours", kith.MinMute/time.Hour, kith.MaxMute/time.Hour)
)

// mayAct tells whether somebody is an admin or the creator.
func (s *State) mayAct(by kith.AccountID) error {
	m, ok := s.Members[by]
	switch {
	case !ok:
		return errNotIn
	case m.Rank.Role == Simple:
		return errSimple
	}
	return nil
}

// mayDirect tells whether somebody stands above a rank.
func (s *State) mayDirect(by kith.AccountID, rank Rank) error {
	if err := s.mayAct(by); err != nil {
		return err
	}
	if s.Members[by].Rank.Compare(rank) >= 0 {
		return errSenior
	}
	return nil
}

// mayDirectMember tells whether somebody stands above a member.
func (s *State) mayDirectMember(by, who kith.AccountID) error {
	if err := s.mayAct(by); err != nil {
		return err
	}
	m, ok := s.Members[who]
	switch {
	case !ok:
		return errNotHere
	case by == who:
		return errSelf
	}
	return s.mayDirect(by, m.Rank)
}

// MayInvite tells whether somebody may bring others in.
func (s *State) MayInvite(by kith.AccountID) error {
	if _, ok := s.Members[by]; ok && s.Profile.Public {
		return nil
	}
	return s.mayAct(by)
}

// MayAdd tells whether somebody may bring this account in.
func (s *State) MayAdd(by, who kith.AccountID) error {
	if err := s.MayInvite(by); err != nil {
		return err
	}
	if _, in := s.Members[who]; in {
		return errIn
	}
	if f, was := s.Former[who]; was && !f.Left && s.mayAct(by) != nil {
		return errBarred
	}
	if len(s.Members) >= kith.MaxMembers {
		return errFull
	}
	return nil
}

// MayRemove tells whether somebody may put this account out. One who left by
// themselves may be put out too: then only admins bring them back.
func (s *State) MayRemove(by, who kith.AccountID) error {
	if f, was := s.Former[who]; was && f.Left {
		return s.mayDirect(by, f.rank)
	}
	return s.mayDirectMember(by, who)
}

// MayPromote tells whether somebody may make this member an admin.
func (s *State) MayPromote(by, who kith.AccountID) error {
	if err := s.mayAct(by); err != nil {
		return err
	}
	m, ok := s.Members[who]
	switch {
	case !ok:
		return errNotHere
	case m.Rank.Role != Simple:
		return errAdmin
	}
	return nil
}

// MayDemote tells whether somebody may make this admin a member again.
func (s *State) MayDemote(by, who kith.AccountID) error {
	if err := s.mayDirectMember(by, who); err != nil {
		return err
	}
	if s.Members[who].Rank.Role != Admin {
		return errNoAdmin
	}
	return nil
}

// MayHandOver tells whether somebody may make this member the creator.
func (s *State) MayHandOver(by, who kith.AccountID) error {
	if err := s.mayAct(by); err != nil {
		return err
	}
	_, ok := s.Members[who]
	switch {
	case by != s.Creator:
		return errCreator
	case by == who:
		return errSelf
	case !ok:
		return errNotHere
	}
	return nil
}

// MayMute tells whether somebody may keep this member from writing until a
// time; zero takes a muting back.
func (s *State) MayMute(by, who kith.AccountID, until, now time.Time) error {
	if err := s.mayDirectMember(by, who); err != nil || until.IsZero() {
		return err
	}
	if d := until.Sub(now); d < kith.MinMute || d > kith.MaxMute {
		return errMute
	}
	return nil
}

// MayDescribe tells whether somebody may change the sphere's profile.
func (s *State) MayDescribe(by kith.AccountID) error { return s.mayAct(by) }

// MayWrite tells whether somebody may write in the sphere's room.
func (s *State) MayWrite(who kith.AccountID, now time.Time) error {
	m, ok := s.Members[who]
	if !ok {
		return kith.Errorf(kith.Forbidden, "you are not in this sphere any more")
	}
	if left := m.MutedUntil.Sub(now); left > 0 {
		return kith.Errorf(kith.Forbidden, "you are muted in this sphere for another %s", inHours(left))
	}
	return nil
}

// inHours gives a duration, rounded up to minutes.
func inHours(d time.Duration) string {
	minutes := int((d + time.Minute - 1) / time.Minute)
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}

// MayLeave tells whether somebody may leave. The creator hands the sphere over
// first, unless they are alone in it.
func (s *State) MayLeave(who kith.AccountID) error {
	if _, ok := s.Members[who]; !ok {
		return errNotIn
	}
	if who == s.Creator && len(s.Members) > 1 {
		return errStay
	}
	return nil
}
