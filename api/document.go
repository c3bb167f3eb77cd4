package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// addDocument serves the OpenAPI document of all that is registered by then.
func (s *service) addDocument() {
	text := s.document()
	s.mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.Write(text)
	})
}

// document completes and renders the OpenAPI document. It comes out the same
// every time: huma writes maps in order of their keys.
func (s *service) document() []byte {
	doc := s.huma.OpenAPI()
	schemas := doc.Components.Schemas.Map()
	// huma registers its own model of an error, which asProblem replaces.
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for _, schema := range schemas {
		forbidNull(schema)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				forbidNulls(op.RequestBody.Content)
			}
			for _, answer := range op.Responses {
				forbidNulls(answer.Content)
			}
		}
	}
	var text bytes.Buffer
	compact, err := json.Marshal(doc)
	if err == nil {
		err = json.Indent(&text, compact, "", "  ")
	}
	if err != nil {
		panic("the OpenAPI document cannot be rendered: " + err.Error()) // a fault in a struct tag
	}
	text.WriteByte('\n')
	return text.Bytes()
}

func forbidNulls(content map[string]*huma.MediaType) {
	for _, media := range content {
		forbidNull(media.Schema)
	}
}

// forbidNull undoes huma's default that every list may be null, which each
// client would have to check for.
func forbidNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	forbidNull(s.Items)
	for _, property := range s.Properties {
		forbidNull(property)
	}
}
