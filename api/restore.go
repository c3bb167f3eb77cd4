package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kith"
	"kith/node"
)

const (
	// maxBackup is what a backup that is restored may hold; the disk has the
	// same say.
	maxBackup = 1 << 40
	// maxSecret is what a field with a passphrase may hold.
	maxSecret = 4 << 10
	// stallTime is how long an upload may stand still.
	stallTime = 30 * time.Second
)

// restorePattern is the one operation whose body does not go through memory.
const restorePattern = http.MethodPost + " " + Prefix + "/restore"

func addRestore(s *service, n account) {
	op := s.operation(http.MethodPost, "/restore", "restoreBackup", "Go on as the account of a backup; only for a node that nobody has used yet")
	op.Description = `A form with the file and its passphrase, in any order. The history in a backup may be encrypted with a passphrase of its own, that of the node which it was made of: if that is another one, it goes into store_passphrase. All is restored or nothing, and a Notice of type "reset" tells that it was.`
	op.Responses["204"] = &huma.Response{Description: "No Content"}
	huma.Register(s.huma, op, func(context.Context, *none) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			if err := restore(w, r, n); err != nil {
				WriteProblem(w, s.problem(r.Context(), err))
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}}, nil
	})
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	// Named earlier, it would be read by huma, into memory.
	s.huma.OpenAPI().Paths["/restore"].Post.RequestBody = &huma.RequestBody{
		Required: true,
		Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject,
			Properties: map[string]*huma.Schema{
				"file":             {Type: huma.TypeString, Format: "binary", Description: "The backup"},
				"passphrase":       text("That of the backup"),
				"store_passphrase": text("That of the history in it, if it is another one"),
			},
			Required: []string{"file", "passphrase"},
		}}},
	}
}

// restore takes the form apart, the file into the home, and has it restored.
func restore(w http.ResponseWriter, r *http.Request, n account) error {
	me, err := n.Me(r.Context())
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(me.Home, node.Restoring)
	if err != nil {
		return writable(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	form, err := r.MultipartReader()
	if err != nil {
		return kith.Errorf(kith.Invalid, "the request is not a form with a file: %w", err)
	}
	control := http.NewResponseController(w)
	defer control.SetReadDeadline(time.Time{})
	p, err := readForm(form, file, func() { control.SetReadDeadline(time.Now().Add(stallTime)) })
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return writable(err)
	}
	return n.Restore(r.Context(), file.Name(), p)
}

// readForm reads the fields of a form; alive is called before each read.
func readForm(form *multipart.Reader, file io.Writer, alive func()) (p node.Passphrases, err error) {
	seen := map[string]bool{}
	for {
		alive()
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p, brokenOff(err)
		}
		name := part.FormName()
		if seen[name] {
			return p, kith.Errorf(kith.Invalid, "the form has the field %q twice", name)
		}
		seen[name] = true
		switch name {
		case "file":
			err = receive(file, part, alive)
		case "passphrase":
			p.Backup, err = secretField(part)
		case "store_passphrase":
			p.Store, err = secretField(part)
		default:
			err = kith.Errorf(kith.Invalid, "the form has an unknown field %q", name)
		}
		if err != nil {
			return p, err
		}
	}
	if !seen["file"] || !seen["passphrase"] {
		return p, kith.Errorf(kith.Invalid, "the form needs a file and its passphrase")
	}
	return p, nil
}

// receive copies an upload, as long as it gets on.
func receive(file io.Writer, part io.Reader, alive func()) error {
	buffer := make([]byte, 64<<10)
	for total := int64(0); total <= maxBackup; {
		alive()
		n, err := part.Read(buffer)
		if _, err := file.Write(buffer[:n]); err != nil {
			return writable(err)
		}
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return brokenOff(err)
		}
	}
	return kith.Errorf(kith.Invalid, "the file is too large for a backup")
}

func secretField(part io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(part, maxSecret+1))
	switch {
	case err != nil:
		return "", brokenOff(err)
	case len(text) > maxSecret:
		return "", kith.Errorf(kith.Invalid, "a passphrase has at most %d bytes", maxSecret)
	}
	return string(text), nil
}

func brokenOff(err error) error {
	return kith.Errorf(kith.Invalid, "the upload broke off, stood still for %d seconds or is no form: %w", int(stallTime.Seconds()), err)
}

// writable words a failure to write into the home.
func writable(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return kith.Errorf(kith.Full, "the disk is full: there is no room for the backup")
	}
	return err
}
