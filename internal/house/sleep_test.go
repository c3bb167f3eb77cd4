package house

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestNoTestSleeps: a test that waits for real time to pass is slow on a fast
// machine and fails on a slow one. In a bubble of testing/synctest, where time
// is made up and passes at once, a sleep is exact and free.
func TestNoTestSleeps(t *testing.T) {
	makers := bubbleMakers(sources(t))
	for _, src := range sources(t) {
		clock := src.localName("time")
		if !src.test || clock == "" {
			continue
		}
		var bubbles, sleeps []ast.Node
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch {
			case isBubble(&src, n), makers[maker{src.pkg, called(n)}]:
				bubbles = append(bubbles, n)
			case isCall(n, clock, "Sleep"):
				sleeps = append(sleeps, n)
			}
			return true
		})
		for _, sleep := range sleeps {
			if !within(bubbles, sleep.Pos()) {
				t.Errorf("%s sleeps outside of synctest.Test: wait for what you wait for, with a deadline, or make time up with testing/synctest", src.at(sleep))
			}
		}
	}
}

// A maker is a function of a package's tests that runs its argument in a
// bubble.
type maker struct{ pkg, function string }

func bubbleMakers(all []source) map[maker]bool {
	makers := map[maker]bool{}
	for _, src := range all {
		for _, decl := range src.file.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || !src.test || d.Recv != nil {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if isBubble(&src, n) {
					makers[maker{src.pkg, d.Name.Name}] = true
				}
				return true
			})
		}
	}
	return makers
}

func isBubble(src *source, n ast.Node) bool {
	return isCall(n, src.localName("testing/synctest"), "Test")
}

// called is the name of the function of the own package that n calls, if it is
// such a call.
func called(n ast.Node) string {
	if call, ok := n.(*ast.CallExpr); ok {
		if id, ok := call.Fun.(*ast.Ident); ok {
			return id.Name
		}
	}
	return ""
}

func within(nodes []ast.Node, pos token.Pos) bool {
	for _, n := range nodes {
		if n.Pos() <= pos && pos < n.End() {
			return true
		}
	}
	return false
}
