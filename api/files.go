package api

import (
	"context"
	"net/http"

	"kith/node"
)

// files are what messages share, and how it comes here. A file's {id} is that
// of its message.
type files interface {
	ShareFiles(ctx context.Context, ref string, o node.ShareRequest) ([]node.Message, error)
	Files(ctx context.Context, ref string, page node.FilesPage) ([]node.Message, error)
	FileEntries(ctx context.Context, id string) ([]node.FileEntry, error)
	FetchFile(ctx context.Context, id string, o node.FetchRequest) (node.Message, error)
	PauseFile(ctx context.Context, id string) (node.Message, error)
	ResumeFile(ctx context.Context, id string) (node.Message, error)
	VerifyFile(ctx context.Context, id string) (node.Message, error)
	DropFile(ctx context.Context, id string) (node.Message, error)
	MoveFile(ctx context.Context, id, before string) (node.Message, error)
	ForwardFile(ctx context.Context, id string, to []string, caption string) ([]node.Message, error)
	LaunchFile(ctx context.Context, id string, number int) error
	RevealFile(ctx context.Context, id string) error
	contents
	folders
	uploads
	transfers
}

type filesPage struct {
	Conversation string `query:"conversation" doc:"A contact, a sphere or a conversation; all of them if absent"`
	Before       string `query:"before" doc:"ID of a message: only older ones"`
	Limit        int    `query:"limit" minimum:"0" maximum:"500" doc:"How many; 50 if 0 or absent"`
}

type shareFiles struct {
	ByRef
	Body node.ShareRequest
}

type fetchFile struct {
	ByID
	Body node.FetchRequest
}

type moveFile struct {
	ByID
	Body struct {
		Before string `json:"before" doc:"ID of the message before whose files these are fetched; empty: after all others"`
	}
}

type launchFile struct {
	ByID
	Number int `query:"number" minimum:"0" doc:"Which file of a folder, as in listFileEntries"`
}

type forwardFile struct {
	ByID
	Body struct {
		To      []string `json:"to" minItems:"1" maxItems:"1000" doc:"Each as in {ref}"`
		Caption string   `json:"caption,omitempty" doc:"A text beside it"`
	}
}

func addFiles(s *service, n files) {
	add(s, http.MethodGet, "/files", "listFiles", "Messages that share something, newest first", func(ctx context.Context, in *filesPage) ([]node.Message, error) {
		p := node.FilesPage{Limit: in.Limit}
		if err := parseID(&p.Before, in.Before); err != nil {
			return nil, err
		}
		return n.Files(ctx, in.Conversation, p)
	})
	add(s, http.MethodPost, "/conversations/{ref}/files", "shareFiles", "Share files and folders of this machine, all or none; the answer comes when they were read", func(ctx context.Context, in *shareFiles) ([]node.Message, error) {
		return n.ShareFiles(ctx, in.Ref, in.Body)
	})
	add(s, http.MethodGet, "/files/{id}/entries", "listFileEntries", "The files of what is shared; waits up to 10 seconds for the list of a folder", func(ctx context.Context, in *ByID) ([]node.FileEntry, error) {
		return n.FileEntries(ctx, in.ID)
	})
	add(s, http.MethodPost, "/files/{id}/fetch", "fetchFile", "Fetch it, or some files of a folder", func(ctx context.Context, in *fetchFile) (node.Message, error) {
		return n.FetchFile(ctx, in.ID, in.Body)
	})
	one := func(verb, id, summary string, f func(ctx context.Context, id string) (node.Message, error)) {
		add(s, http.MethodPost, "/files/{id}/"+verb, id, summary, func(ctx context.Context, in *ByID) (node.Message, error) {
			return f(ctx, in.ID)
		})
	}
	one("pause", "pauseFile", "Stop fetching it; what is here is still handed on", n.PauseFile)
	one("resume", "resumeFile", "Go on with it", n.ResumeFile)
	one("verify", "verifyFile", "Check what lies on the disk, and fetch again what is wrong", n.VerifyFile)
	one("drop", "dropFile", "Not wanted here any more: deletes what was fetched, never what was shared from here", n.DropFile)
	add(s, http.MethodPost, "/files/{id}/move", "moveFile", "Change its place in the order of fetching", func(ctx context.Context, in *moveFile) (node.Message, error) {
		return n.MoveFile(ctx, in.ID, in.Body.Before)
	})
	add(s, http.MethodPost, "/files/{id}/forward", "forwardFile", "Share it in other conversations too; nothing is read or copied for that", func(ctx context.Context, in *forwardFile) ([]node.Message, error) {
		return n.ForwardFile(ctx, in.ID, in.Body.To, in.Body.Caption)
	})
	do(s, http.MethodPost, "/files/{id}/launch", "launchFile", "Open it with the program that the system has for it", func(ctx context.Context, in *launchFile) error {
		return n.LaunchFile(ctx, in.ID, in.Number)
	})
	do(s, http.MethodPost, "/files/{id}/reveal", "revealFile", "Show it in the system's file manager", func(ctx context.Context, in *ByID) error {
		return n.RevealFile(ctx, in.ID)
	})
	addContents(s, n)
	addFolders(s, n)
	addUploads(s, n)
	addTransfers(s, n)
}
