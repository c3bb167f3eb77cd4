package node

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"kith"
)

// Folder tells where a conversation's files lie.
func (n *Node) Folder(ctx context.Context, ref string) (Folder, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return Folder{}, err
	}
	defer leave()
	conv, err := r.place(ref)
	if err != nil {
		return Folder{}, err
	}
	return r.folder(conv)
}

func (r *run) folder(conv kith.ConversationID) (Folder, error) {
	f, err := r.shelf.Folder(conv)
	if err != nil {
		return Folder{}, err
	}
	return viewFolder(f), nil
}

// SetFolder changes where a conversation's files lie, and which are fetched by
// themselves.
func (n *Node) SetFolder(ctx context.Context, ref string, o FolderChange) (Folder, error) {
	r, leave, err := n.enterFiles()
	if err != nil {
		return Folder{}, err
	}
	defer leave()
	conv, err := r.place(ref)
	if err != nil {
		return Folder{}, err
	}
	if o.Path != nil {
		if err := r.shelf.SetRoot(ctx, conv, *o.Path); err != nil {
			return Folder{}, err
		}
	}
	if o.Fetch != nil || o.Most != nil {
		before, err := r.shelf.Folder(conv)
		if err != nil {
			return Folder{}, err
		}
		if o.Fetch != nil {
			before.Fetch = *o.Fetch
		}
		if o.Most != nil {
			before.Most = uint64(max(0, *o.Most))
		}
		if err := r.shelf.SetPolicy(ctx, conv, before.Fetch, before.Most); err != nil {
			return Folder{}, err
		}
	}
	return r.folder(conv)
}

// RevealFolder makes the folder if need be, and shows it in the system's file
// manager.
func (n *Node) RevealFolder(ctx context.Context, ref string) error {
	r, leave, err := n.enterFiles()
	if err != nil {
		return err
	}
	defer leave()
	conv, err := r.place(ref)
	if err != nil {
		return err
	}
	root, err := r.shelf.Root(ctx, conv)
	if err != nil {
		return err
	}
	return r.opt.launch(root)
}

// RevealFile shows in the system's file manager where a share lies.
func (n *Node) RevealFile(ctx context.Context, id string) error {
	return n.withLocal(ctx, id, 0, func(r *run, name string) error { return r.opt.launch(filepath.Dir(name)) })
}

// LaunchFile opens a file of a share with the system's program, if it is of a
// kind that is only looked at.
func (n *Node) LaunchFile(ctx context.Context, id string, number int) error {
	return n.withLocal(ctx, id, number, func(r *run, name string) error {
		if !slices.Contains(harmless, strings.ToLower(filepath.Ext(name))) {
			return kith.Errorf(kith.Forbidden, "files of the kind of %q can do harm when they are opened, so Kith leaves that to you: show it in the folder, and open it there if you trust it", filepath.Base(name))
		}
		return r.opt.launch(name)
	})
}

// harmless are the endings of what programs show and do not run.
var harmless = strings.Fields(`
	.jpg .jpeg .png .gif .webp .avif .heic .heif .bmp .tif .tiff
	.mp4 .m4v .mkv .webm .mov .avi .mpg .mpeg .ogv .3gp
	.mp3 .m4a .aac .ogg .oga .opus .flac .wav
	.pdf .txt .md .csv .epub .odt .ods .odp .docx .xlsx .pptx`)

// withLocal calls f with where a file of a share lies, if it is all here.
func (n *Node) withLocal(ctx context.Context, id string, number int, f func(r *run, name string) error) error {
	r, entry, err := n.shared(ctx, id)
	if err != nil {
		return err
	}
	name, err := r.shelf.Local(entry.ID)
	if err != nil {
		return err
	}
	if entry.File == nil {
		return f(r, name)
	}
	files, err := r.shelf.Files(ctx, entry.ID)
	if err != nil {
		return err
	}
	if number < 0 || number >= len(files) {
		return kith.Errorf(kith.NotFound, "the share has no file %d", number)
	}
	if !files[number].Complete {
		return kith.Errorf(kith.Conflict, "%q is not complete yet; look at it in the page meanwhile", filepath.Base(name))
	}
	if entry.File.Folder {
		name = files[number].Local
	}
	return f(r, name)
}

// launch hands a file or folder to the system's program for it, and does not
// wait for that.
func launch(name string) error {
	program, args := "xdg-open", []string{name}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", name}
	}
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		return kith.Errorf(kith.Conflict, "this system has no program to open %q with: %w", name, err)
	}
	go cmd.Wait()
	return nil
}
