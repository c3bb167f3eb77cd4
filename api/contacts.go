package api

import (
	"context"
	"net/http"
	"time"

	"kith/node"
)

// people are the contacts, and who asks to be one.
type people interface {
	Contacts(context.Context) ([]node.Contact, error)
	Contact(ctx context.Context, ref string) (node.Contact, error)
	Accept(ctx context.Context, ref string) (node.Contact, error)
	Refuse(ctx context.Context, ref string) error
	Befriend(ctx context.Context, ref string) (node.Contact, error)
	Rename(ctx context.Context, ref, petname string) (node.Contact, error)
	Remove(ctx context.Context, ref string) error
	SafetyNumber(ctx context.Context, ref string) (node.SafetyNumber, error)
	SetVerified(ctx context.Context, ref string, verified bool) (node.Contact, error)
	Block(ctx context.Context, ref string, d time.Duration) (node.Contact, error)
	Unblock(ctx context.Context, ref string) (node.Contact, error)
}

// ByRef names a contact or a conversation. It has to be exported for huma to
// look inside where it is embedded.
type ByRef struct {
	Ref string `path:"ref" doc:"A petname, a name, an account or the unambiguous start of one" example:"anna"`
}

type rename struct {
	ByRef
	Body struct {
		Petname string `json:"petname" doc:"What you call them; empty: what they call themselves" example:"Mum"`
	}
}

type verify struct {
	ByRef
	Body struct {
		Verified bool `json:"verified" doc:"The safety numbers were compared, and are equal"`
	}
}

type block struct {
	ByRef
	Body struct {
		Seconds int64 `json:"seconds" minimum:"0" maximum:"3153600000" doc:"0: for good; else 30 minutes to 24 hours" example:"1800"`
	}
}

func addPeople(s *service, n people) {
	add(s, http.MethodGet, "/contacts", "listContacts", "Everybody, and who asks or was asked", func(ctx context.Context, _ *none) ([]node.Contact, error) {
		return n.Contacts(ctx)
	})
	add(s, http.MethodGet, "/contacts/{ref}", "getContact", "One contact", func(ctx context.Context, in *ByRef) (node.Contact, error) {
		return n.Contact(ctx, in.Ref)
	})
	add(s, http.MethodPost, "/contacts/{ref}/accept", "acceptContact", "Make somebody who asks a contact", func(ctx context.Context, in *ByRef) (node.Contact, error) {
		return n.Accept(ctx, in.Ref)
	})
	do(s, http.MethodPost, "/contacts/{ref}/refuse", "refuseContact", "Turn down somebody who asks", func(ctx context.Context, in *ByRef) error {
		return n.Refuse(ctx, in.Ref)
	})
	add(s, http.MethodPost, "/contacts/{ref}/befriend", "befriend", "Ask somebody of a common sphere to become a contact", func(ctx context.Context, in *ByRef) (node.Contact, error) {
		return n.Befriend(ctx, in.Ref)
	})
	add(s, http.MethodPatch, "/contacts/{ref}", "renameContact", "Give a petname", func(ctx context.Context, in *rename) (node.Contact, error) {
		return n.Rename(ctx, in.Ref, in.Body.Petname)
	})
	do(s, http.MethodDelete, "/contacts/{ref}", "removeContact", "End being contacts; the history stays", func(ctx context.Context, in *ByRef) error {
		return n.Remove(ctx, in.Ref)
	})
	add(s, http.MethodGet, "/contacts/{ref}/safety-number", "getSafetyNumber", "What two people compare", func(ctx context.Context, in *ByRef) (node.SafetyNumber, error) {
		return n.SafetyNumber(ctx, in.Ref)
	})
	add(s, http.MethodPut, "/contacts/{ref}/verified", "setVerified", "Note that the safety numbers are equal, or take it back", func(ctx context.Context, in *verify) (node.Contact, error) {
		return n.SetVerified(ctx, in.Ref, in.Body.Verified)
	})
	add(s, http.MethodPost, "/contacts/{ref}/block", "blockContact", "Keep somebody out; they learn nothing", func(ctx context.Context, in *block) (node.Contact, error) {
		return n.Block(ctx, in.Ref, time.Duration(in.Body.Seconds)*time.Second)
	})
	add(s, http.MethodPost, "/contacts/{ref}/unblock", "unblockContact", "Let somebody in again, with what they wrote meanwhile", func(ctx context.Context, in *ByRef) (node.Contact, error) {
		return n.Unblock(ctx, in.Ref)
	})
}
