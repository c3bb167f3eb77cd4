package house

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// minPackageComment is how many lines a package comment has at least: enough
// to say what the package is about, for somebody who reads only these.
const minPackageComment = 3

func TestPackagesSayWhatTheyAre(t *testing.T) {
	best := map[string]int{}
	for _, src := range sources(t) {
		if strings.HasSuffix(src.file.Name.Name, "_test") {
			continue
		}
		lines := 0
		if src.file.Doc != nil {
			lines = strings.Count(strings.TrimSpace(src.file.Doc.Text()), "\n") + 1
		}
		best[src.pkg] = max(best[src.pkg], lines)
	}
	for pkg, lines := range best {
		if lines < minPackageComment {
			t.Errorf("package %s has a comment of %d lines, at least %d are wanted: the concept first, then the layout or the state machine", pkg, lines, minPackageComment)
		}
	}
}

// obvious are methods whose name says all, because an interface that everybody
// knows, or one of this project's, defines what they do.
var obvious = []string{
	"Error", "Unwrap", "Is", "As", "String", "GoString", "Read", "Write", "Close", "Len", "Less", "Swap",
	"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalCBOR", "UnmarshalCBOR",
	"Kind", "Target", // of kith.Body
	"Init", "Update", "View", // of a bubbletea model
	"ServeHTTP", "RoundTrip", "Network", "Set", "Type", "LogValue",
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, src := range sources(t) {
		if src.test || src.file.Name.Name == "main" {
			continue
		}
		for _, decl := range src.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				method := d.Recv != nil
				if !d.Name.IsExported() || d.Doc != nil || method && (!receiver(d).IsExported() || slices.Contains(obvious, d.Name.Name)) {
					continue
				}
				t.Errorf("%s: %s is exported and has no comment: say what it does, its units, limits and errors, or unexport it", src.at(d), d.Name.Name)
			case *ast.GenDecl:
				undocumented(t, &src, d)
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) *ast.Ident {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.Ident:
			return e
		default:
			return ast.NewIdent("_")
		}
	}
}

// undocumented reports the exported names of a declaration without a comment.
// A comment over a group of constants or variables counts for all of it.
func undocumented(t *testing.T, src *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		var names []*ast.Ident
		documented := d.Doc != nil
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names = []*ast.Ident{s.Name}
			documented = s.Doc != nil || documented && len(d.Specs) == 1
		case *ast.ValueSpec:
			names = s.Names
			documented = documented || s.Doc != nil || s.Comment != nil
		}
		for _, name := range names {
			if name.IsExported() && !documented && d.Tok != token.IMPORT {
				t.Errorf("%s: %s is exported and has no comment: say what it is, or unexport it", src.at(name), name.Name)
			}
		}
	}
}

// rootFiles is all that may lie at the root beside Go files and folders.
// Everything else has a better place.
var rootFiles = []string{
	"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE",
	"Makefile", "go.mod", "go.sum", "staticcheck.conf", ".gitignore", ".gitattributes", ".editorconfig",
}

func TestRootIsTidy(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && path.Ext(e.Name()) != ".go" && e.Name() != ".git" && !slices.Contains(rootFiles, e.Name()) {
			t.Errorf("%s does not belong at the root: a document goes into docs/, a tool into internal/tools/", e.Name())
		}
	}
}

// markdownLink finds the targets of links in Markdown, without their anchors.
var markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)`)

func TestDocumentsLinkToWhatExists(t *testing.T) {
	names, err := walk(func(name string) bool { return path.Ext(name) == ".md" })
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no document found: this test looks in the wrong folder")
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			target := match[1]
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path.Join(path.Dir(name), target)))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
		}
	}
}
