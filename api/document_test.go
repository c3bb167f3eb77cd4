package api

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// openapi.json is what other clients are generated from.
func TestDocumentIsUpToDate(t *testing.T) {
	w := ask(newHandler(&fakeNode{}, Options{}), "GET", Prefix+"/openapi.json", "", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/vnd.oai.openapi+json") {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	if *update {
		if err := os.WriteFile("openapi.json", w.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != w.Body.String() {
		t.Error("openapi.json is not what the handlers say: go test ./api -update")
	}
}

func TestDocumentIsComplete(t *testing.T) {
	w := ask(newHandler(&fakeNode{}, Options{}), "GET", Prefix+"/openapi.json", "", "")
	var doc struct {
		OpenAPI string
		Servers []struct{ URL string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]struct{ Content map[string]any }
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Servers) != 1 || doc.Servers[0].URL != Prefix {
		t.Errorf("OpenAPI %s, servers %v", doc.OpenAPI, doc.Servers)
	}
	seen := map[string]bool{}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if op.OperationID == "" || op.Summary == "" || seen[op.OperationID] {
				t.Errorf("%s %s: operation %q, summary %q", method, path, op.OperationID, op.Summary)
			}
			seen[op.OperationID] = true
			if _, ok := op.Responses["default"].Content["application/problem+json"]; !ok {
				t.Errorf("%s %s does not say how it fails", method, path)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d operations", len(seen))
	}
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		if doc.Components.Schemas[name] != nil || strings.Contains(w.Body.String(), "/"+name+`"`) {
			t.Errorf("huma's %s is in the document", name)
		}
	}
	if strings.Contains(w.Body.String(), `"null"`) {
		t.Error("something may be null in the document")
	}
}
