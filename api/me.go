package api

import (
	"context"
	"net/http"

	"kith/node"
)

// account is the node's own account and what is set on it.
type account interface {
	Me(context.Context) (node.Me, error)
	SetName(ctx context.Context, name string) (node.Me, error)
	SetVisible(ctx context.Context, visible bool) (node.Me, error)
	Preferences(context.Context) (node.Preferences, error)
	SetPreferences(context.Context, node.Preferences) (node.Preferences, error)
	ICEServers(context.Context) ([]node.ICEServer, error)
	SetICEServers(context.Context, []node.ICEServer) error
	SetPassphrase(ctx context.Context, old, new string) error
	Backup(ctx context.Context, path, passphrase string) error
	Restore(ctx context.Context, path string, p node.Passphrases) error
	Keys(context.Context) ([]node.Key, error)
	Storage(context.Context) (node.Storage, error)
}

type meChange struct {
	Body struct {
		Name    *string `json:"name,omitempty" doc:"At most 500 characters" example:"Anna"`
		Visible *bool   `json:"visible,omitempty" doc:"False: hidden, found by nobody"`
	}
}

type passphraseChange struct {
	Body struct {
		Old string `json:"old" doc:"Empty if the store is not encrypted"`
		New string `json:"new" doc:"Empty: no encryption any more"`
	}
}

type backup struct {
	Body struct {
		Path       string `json:"path" doc:"Absolute path on the node's machine; an existing file is not replaced" example:"/home/anna/kith.backup"`
		Passphrase string `json:"passphrase" doc:"Encrypts the backup"`
	}
}

func addAccount(s *service, n account) {
	add(s, http.MethodGet, "/me", "getMe", "This node's own account and device", func(ctx context.Context, _ *none) (node.Me, error) {
		return n.Me(ctx)
	})
	add(s, http.MethodPatch, "/me", "changeMe", "Change the name or the visibility", func(ctx context.Context, in *meChange) (me node.Me, err error) {
		if in.Body.Name == nil && in.Body.Visible == nil {
			return n.Me(ctx)
		}
		if in.Body.Name != nil {
			me, err = n.SetName(ctx, *in.Body.Name)
		}
		if err == nil && in.Body.Visible != nil {
			me, err = n.SetVisible(ctx, *in.Body.Visible)
		}
		return me, err
	})
	add(s, http.MethodGet, "/me/preferences", "getPreferences", "What can be switched", func(ctx context.Context, _ *none) (node.Preferences, error) {
		return n.Preferences(ctx)
	})
	add(s, http.MethodPut, "/me/preferences", "setPreferences", "Switch it", func(ctx context.Context, in *struct{ Body node.Preferences }) (node.Preferences, error) {
		return n.SetPreferences(ctx, in.Body)
	})
	add(s, http.MethodGet, "/me/ice-servers", "listICEServers", "STUN and TURN servers for pasted offers", func(ctx context.Context, _ *none) ([]node.ICEServer, error) {
		return n.ICEServers(ctx)
	})
	do(s, http.MethodPut, "/me/ice-servers", "setICEServers", "Replace the STUN and TURN servers", func(ctx context.Context, in *struct{ Body []node.ICEServer }) error {
		return n.SetICEServers(ctx, in.Body)
	})
	do(s, http.MethodPut, "/me/passphrase", "setPassphrase", "Encrypt the store, with another passphrase or no more", func(ctx context.Context, in *passphraseChange) error {
		return n.SetPassphrase(ctx, in.Body.Old, in.Body.New)
	})
	add(s, http.MethodGet, "/keys", "listKeys", "The keys of this account, and whether they can be relied on", func(ctx context.Context, _ *none) ([]node.Key, error) {
		return n.Keys(ctx)
	})
	add(s, http.MethodGet, "/storage", "getStorage", "What this node keeps on disk, and where", func(ctx context.Context, _ *none) (node.Storage, error) {
		return n.Storage(ctx)
	})
	addRestore(s, n)
	do(s, http.MethodPost, "/backups", "makeBackup", "Write an encrypted backup of everything", func(ctx context.Context, in *backup) error {
		return n.Backup(ctx, in.Body.Path, in.Body.Passphrase)
	})
}
