package node

import (
	"time"

	"kith"
	"kith/convo"
	"kith/wire"
)

// A Sphere is people, a room and a folder in one.
type Sphere struct {
	ID          kith.ConversationID `json:"id" doc:"Also the ID of its conversation"`
	Name        string              `json:"name"`
	About       string              `json:"about"`
	Picture     []byte              `json:"picture,omitempty"`
	Public      bool                `json:"public" doc:"Every member may invite"`
	FullHistory bool                `json:"full_history" doc:"New members get all that was ever said"`
	State       string              `json:"state" enum:"invited,joining,member,left,removed" doc:"How this account stands to it"`
	InvitedBy   *SphereInviter      `json:"invited_by,omitempty" doc:"While invited or joining"`
	Role        string              `json:"role,omitempty" enum:"creator,admin,member" doc:"Of this account; absent if it is not in it"`
	MutedUntil  *time.Time          `json:"muted_until,omitempty" doc:"This account can't write until then"`
	Members     []Member            `json:"members" doc:"This account included; the creator first, then the admins by seniority"`
	Invited     []string            `json:"invited" doc:"Names of contacts whom this account invited and who did not answer"`
	Linked      int                 `json:"linked" doc:"Members who are connected to this device right now"`
}

// A SphereInviter is who invited this account.
type SphereInviter struct {
	Account kith.AccountID `json:"account"`
	Name    string         `json:"name"`
}

// A Member is an account that is in a sphere.
type Member struct {
	Account     kith.AccountID `json:"account"`
	Name        string         `json:"name"`
	Me          bool           `json:"me"`
	Role        string         `json:"role" enum:"creator,admin,member"`
	Relation    kith.Relation  `json:"relation,omitempty" doc:"fellow: shares a sphere and is no contact"`
	Connection  Connection     `json:"connection" enum:"connected,connecting,blocked,disconnected"`
	MutedUntil  *time.Time     `json:"muted_until,omitempty"`
	Since       time.Time      `json:"since"`
	MayRemove   bool           `json:"may_remove" doc:"By this account, as the following"`
	MayMute     bool           `json:"may_mute"`
	MayPromote  bool           `json:"may_promote"`
	MayDemote   bool           `json:"may_demote"`
	MayHandOver bool           `json:"may_hand_over"`
}

// view shows the sphere.
func (s *sphere) view() Sphere {
	kept, state, own := s.kept(), s.state(), s.r.id.peer.Account
	now := s.r.opt.now()
	view := Sphere{
		ID:          s.id,
		Name:        s.name(),
		About:       state.Profile.About,
		Picture:     state.Profile.Picture,
		Public:      state.Profile.Public,
		FullHistory: state.Profile.FullHistory,
		State:       string(kept.State),
		Members:     []Member{},
		Invited:     []string{},
	}
	if kept.State == "invited" || kept.State == "joining" {
		view.InvitedBy = &SphereInviter{Account: kept.Inviter, Name: s.r.name(kept.Inviter)}
		if kept.State == "invited" {
			return view // the roster is not shown before one said yes
		}
	}
	if me, ok := state.Members[own]; ok {
		view.Role = string(me.Rank.Role)
		if me.MutedUntil.After(now) {
			view.MutedUntil = optional(me.MutedUntil)
		}
	}
	for _, m := range state.Listing() {
		member := s.viewMember(state, m, now)
		if member.Connection == Connected && !member.Me {
			view.Linked++
		}
		view.Members = append(view.Members, member)
	}
	for _, account := range s.r.spheres.invited(s.id) {
		view.Invited = append(view.Invited, s.r.name(account))
	}
	return view
}

func (s *sphere) viewMember(state *convo.State, m convo.Member, now time.Time) Member {
	own := s.r.id.peer.Account
	view := Member{
		Account:    m.Account,
		Name:       s.r.name(m.Account),
		Me:         m.Account == own,
		Role:       string(m.Rank.Role),
		Connection: Connected,
		Since:      m.Added,
	}
	if m.MutedUntil.After(now) {
		view.MutedUntil = optional(m.MutedUntil)
	}
	if view.Me {
		return view
	}
	view.Connection = s.r.connection(m.Account)
	if c, ok := s.r.people.get(m.Account); ok {
		view.Relation = c.Relation
	}
	view.MayRemove = state.MayRemove(own, m.Account) == nil
	view.MayMute = state.MayMute(own, m.Account, now.Add(kith.MinMute), now) == nil
	view.MayPromote = state.MayPromote(own, m.Account) == nil
	view.MayDemote = state.MayDemote(own, m.Account) == nil
	view.MayHandOver = state.MayHandOver(own, m.Account) == nil
	return view
}

// publish tells readers that the sphere is not as it was. A view of hundreds of
// members is made only when somebody reads it.
func (s *sphere) publish() {
	s.r.lookAtFiles()
	s.r.notices.publishLater(sphereNotice{s.id}, func() (Notice, bool) {
		view := s.view()
		return Notice{Type: "sphere", Sphere: &view}, true
	})
	s.r.publishRow(s.id)
}

// publishRow tells readers that a row of the list of conversations is not as it
// was.
func (r *run) publishRow(conv kith.ConversationID) {
	r.notices.publishLater(rowNotice{conv}, func() (Notice, bool) {
		row, err := r.conversation(r.ctx, conv)
		return Notice{Type: "row", Row: &row}, err == nil
	})
}

// sphereNotice and rowNotice name what a notice is about.
type (
	sphereNotice struct{ kith.ConversationID }
	rowNotice    struct{ kith.ConversationID }
)

// inviteFrame is what a contact hears who is invited.
func (s *sphere) inviteFrame() wire.SphereInvite {
	state := s.state()
	return wire.SphereInvite{Conversation: s.id, Name: state.Profile.Name, Members: uint32(len(state.Members))}
}

// noteNames are the changes as the API names them.
var noteNames = map[kith.ChangeKind]string{
	kith.ChangeCreation:    "creation",
	kith.ChangeAddition:    "addition",
	kith.ChangeRemoval:     "removal",
	kith.ChangeDeparture:   "departure",
	kith.ChangePromotion:   "promotion",
	kith.ChangeDemotion:    "demotion",
	kith.ChangeHandover:    "handover",
	kith.ChangeMuting:      "muting",
	kith.ChangeDescription: "description",
}

// viewNote shows a change of a roster.
func (r *run) viewNote(note *kith.Note) *Note {
	view := &Note{Change: noteNames[note.Change], Name: note.Name, Until: optional(note.Until)}
	if !note.Subject.IsZero() {
		view.Subject, view.SubjectName = &note.Subject, r.name(note.Subject)
	}
	return view
}
