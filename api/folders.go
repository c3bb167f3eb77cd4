package api

import (
	"context"
	"net/http"

	"kith/node"
)

// folders are where the files of conversations lie.
type folders interface {
	Folder(ctx context.Context, ref string) (node.Folder, error)
	SetFolder(ctx context.Context, ref string, o node.FolderChange) (node.Folder, error)
	RevealFolder(ctx context.Context, ref string) error
}

type folderChange struct {
	ByRef
	Body node.FolderChange
}

func addFolders(s *service, n folders) {
	add(s, http.MethodGet, "/conversations/{ref}/folder", "getFolder", "Where the files of a conversation lie, and which are fetched", func(ctx context.Context, in *ByRef) (node.Folder, error) {
		return n.Folder(ctx, in.Ref)
	})
	add(s, http.MethodPatch, "/conversations/{ref}/folder", "changeFolder", "Move the folder, or change what is fetched", func(ctx context.Context, in *folderChange) (node.Folder, error) {
		return n.SetFolder(ctx, in.Ref, in.Body)
	})
	do(s, http.MethodPost, "/conversations/{ref}/folder/reveal", "revealFolder", "Show the folder in the system's file manager; it is made if need be", func(ctx context.Context, in *ByRef) error {
		return n.RevealFolder(ctx, in.Ref)
	})
}
