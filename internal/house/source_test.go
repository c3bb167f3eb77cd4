package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the repository, seen from this package.
const root = "../.."

// A source is one Go file.
type source struct {
	name string // from the root, with slashes
	pkg  string // import path of its folder: "kith", "kith/wire"
	test bool
	file *ast.File
	fset *token.FileSet
}

// at gives the place of a node, as compilers write it.
func (s *source) at(n ast.Node) string {
	return s.name + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imports lists the paths that the file imports.
func (s *source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// localName is what the file calls an imported package, empty if it does not
// import it.
func (s *source) localName(importPath string) string {
	for _, spec := range s.file.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == importPath {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(p)
		}
	}
	return ""
}

// isCall reports whether n calls function name of the package that the file
// calls pkg.
func isCall(n ast.Node, pkg, name string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || pkg == "" {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// walk lists the files that belong to the project, without what is built,
// fetched or test data.
func walk(wanted func(name string) bool) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if base != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"bin", "dist", "node_modules", "testdata"}, base)) {
				return fs.SkipDir
			}
			return nil
		}
		if wanted(name) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

var parseOnce = sync.OnceValues(func() (parsed []source, failed error) {
	fset := token.NewFileSet()
	names, err := walk(func(name string) bool { return path.Ext(name) == ".go" })
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		file, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, source{
			name: name,
			pkg:  strings.TrimSuffix("kith/"+path.Dir(name), "/."),
			test: strings.HasSuffix(name, "_test.go"),
			file: file,
			fset: fset,
		})
	}
	return parsed, nil
})

// sources gives every Go file of the project.
func sources(t *testing.T) []source {
	t.Helper()
	parsed, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) < 50 {
		t.Fatalf("found %d Go files: this test looks in the wrong folder", len(parsed))
	}
	return parsed
}
