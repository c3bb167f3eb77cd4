// Package api is what a node can be asked to do, as one http.Handler: commands
// and questions in JSON under /api/v1, and what happens as a stream of events.
// The page, the command line and every bot use it, and nothing else.
//
// A noun has a file, and in it the part of node.Node that it needs and an
// operation for each of its methods. Reading is GET; POST, PUT, PATCH and
// DELETE change something. An answer is 200 with the thing asked for or
// changed, or 204 with nothing. What fails is an RFC 9457 problem, see
// [Problem].
//
// {ref} names a contact by petname, name, account or the unambiguous start of
// an account; for conversations also by their own ID, or by a sphere. {id} names
// a message, and what it shares, by its ID or its unambiguous start of six
// characters.
//
// GET /api/v1/openapi.json describes all of it (OpenAPI 3.1), as made from the
// handlers; the committed copy is openapi.json.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kith/node"
)

// Prefix is where the handler's paths begin.
const Prefix = "/api/v1"

// Options are what the handler needs besides a node.
type Options struct {
	Log      *slog.Logger // nil: none
	Version  string       // of the program, told in the Server header
	Shutdown func()       // begins to end the process; it must not wait for it
}

// New makes the handler for a node. It asks for no login and checks no origin:
// that is the listener's duty (see packages web and local).
func New(n *node.Node, o Options) http.Handler { return newHandler(n, o) }

// backend is what the nouns ask of a node.
type backend interface {
	account
	invitations
	people
	conversations
	positions
	messages
	files
	connections
	hubs
	spheres
	events
}

// A service is where operations are registered.
type service struct {
	huma huma.API
	mux  *http.ServeMux
	log  *slog.Logger
}

func newHandler(n backend, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := newService(o.Log)
	addAccount(s, n)
	addInvitations(s, n)
	addPeople(s, n)
	addConversations(s, n)
	addPositions(s, n)
	addMessages(s, n)
	addFiles(s, n)
	addConnections(s, n)
	addHubs(s, n)
	addSpheres(s, n)
	addEvents(s, n)
	addShutdown(s, o.Shutdown)
	s.addDocument()
	return s.handler("Kith/" + o.Version)
}

func newService(log *slog.Logger) *service {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Kith", "1")
	config.Info.Description = "What a Kith node can be asked to do."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema links in answers
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{asProblem}
	return &service{huma: humago.NewWithPrefix(mux, Prefix, config), mux: mux, log: log}
}

// handler wraps the operations with what concerns all of them.
func (s *service) handler(server string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", server)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.log.Error("a request failed badly", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				WriteProblem(w, internal)
			}
		}()
		h, pattern := s.mux.Handler(r)
		if pattern == "" {
			refuse(w, r, h)
			return
		}
		if readBody(w, r, bodyLimit(pattern)) {
			s.mux.ServeHTTP(w, r)
		}
	})
}

// none is the input of an operation that needs none.
type none = struct{}

// A reply is an answer with a body.
type reply[O any] struct{ Body O }

// add registers an operation that answers with an O.
func add[I, O any](s *service, method, path, id, summary string, f func(context.Context, *I) (O, error)) {
	huma.Register(s.huma, s.operation(method, path, id, summary), func(ctx context.Context, in *I) (*reply[O], error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &reply[O]{noNull(out)}, nil
	})
}

// do registers an operation that answers with nothing.
func do[I any](s *service, method, path, id, summary string, f func(context.Context, *I) error) {
	huma.Register(s.huma, s.operation(method, path, id, summary), func(ctx context.Context, in *I) (*none, error) {
		return nil, s.problem(ctx, f(ctx, in))
	})
}

func (s *service) operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{
		Method:      method,
		Path:        path,
		OperationID: id,
		Summary:     summary,
		Tags:        []string{strings.Split(path, "/")[1]},
		Responses:   s.problemResponse(),
		// The body is in memory by now and within its limit, see readBody; a
		// deadline of huma's would stay set and cut the answer short.
		BodyReadTimeout: -1,
		MaxBodyBytes:    -1,
	}
}

// noNull makes an empty list of a missing one: the document promises an array.
func noNull[O any](out O) O {
	v := reflect.ValueOf(&out).Elem()
	if v.Kind() == reflect.Slice && v.IsNil() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	return out
}

func addShutdown(s *service, shutdown func()) {
	do(s, http.MethodPost, "/shutdown", "shutdown", "End the node; the answer comes before its end", func(context.Context, *none) error {
		if shutdown != nil {
			shutdown()
		}
		return nil
	})
}
