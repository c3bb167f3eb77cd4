package house

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// A layer is a package's row in the table: what of the project it may import.
type layer struct {
	pkg       string
	mayImport []string
	why       string // the reason to give when something else is imported
}

// layers is the shape of the program, lowest first. Each package imports only
// what stands above it here. Tests of a package may import anything.
var layers = []layer{
	{"kith", nil, "the nouns import nothing, so that everything can import them"},
	{"kith/wire", []string{"kith"}, "it encodes and parses and knows nothing else, so that fuzzing reaches all of it"},
	{"kith/seal", []string{"kith", "kith/wire"}, "bytes in, bytes out: the cryptography must be readable on its own"},
	{"kith/convo", []string{"kith"}, "the rules of a conversation depend on nothing but events"},
	{"kith/people", []string{"kith", "kith/wire"}, "the rules about contacts depend on nothing but nouns"},
	{"kith/internal/sqlfile", []string{"kith"}, "a node's record and a hub's mailbox share it, so it may know neither"},
	{"kith/store", []string{"kith", "kith/internal/sqlfile"}, "it is handed its rules, so that the record never decides what a message means"},
	{"kith/link", []string{"kith"}, "an interface must not know its implementations"},
	{"kith/link/linktest", []string{"kith", "kith/link"}, "the twin in memory may know only the interface"},
	{"kith/link/stripe", []string{"kith", "kith/wire"}, "it puts bytes in order, whatever carries them"},
	{"kith/session", []string{"kith", "kith/wire", "kith/seal", "kith/link", "kith/link/stripe"}, "a link knows nothing of what is said over it"},
	{"kith/hubapi", []string{"kith"}, "what a hub and a node say to each other is all that either knows of the other"},
	{"kith/meet", []string{"kith", "kith/wire", "kith/seal", "kith/link"}, "finding somebody must not depend on how the link is made or used"},
	{"kith/meet/call", []string{"kith", "kith/wire", "kith/seal", "kith/link", "kith/hubapi", "kith/meet"}, "making a link by notes must not depend on what makes its halves"},
	{"kith/meet/dht/guard", []string{"kith"}, "what the DHT's library survives is fuzzed alone"},
	{"kith/meet/dht", []string{"kith", "kith/seal", "kith/meet", "kith/meet/dht/guard"}, "it carries sealed notes and must not know what is in them"},
	{"kith/portmap", []string{"kith"}, "it talks to a router and knows nothing of what the ports are for"},
	{"kith/sync", []string{"kith", "kith/wire", "kith/link", "kith/convo", "kith/store"}, "it copies histories over any link; keys are handed in"},
	{"kith/folder", []string{"kith"}, "hostile names are fuzzed alone"},
	{"kith/preview", []string{"kith"}, "hostile pictures are fuzzed alone"},
	{"kith/swarm", []string{"kith", "kith/seal", "kith/link", "kith/meet/dht/guard"}, "it carries ciphertext between devices and knows nothing of conversations"},
	{"kith/swarm/seedpeer", []string{"kith", "kith/hubapi", "kith/swarm"}, "it makes a hub look like a peer to swarm, and knows nothing of who shares"},
	{"kith/shelf", []string{"kith", "kith/store", "kith/folder", "kith/preview", "kith/swarm"}, "it keeps files and is told about conversations by its host"},
	{"kith/shelf/keeping", []string{"kith", "kith/hubapi", "kith/store", "kith/swarm"}, "it brings what is shared to a hub, and is told what that is"},
	{"kith/outbox", []string{"kith"}, "a debt is the difference of two vectors and needs nothing else"},
	{"kith/internal/archive", []string{"kith"}, "a backup is a file format"},
	{"kith/node", []string{
		"kith", "kith/wire", "kith/seal", "kith/convo", "kith/people", "kith/store", "kith/link",
		"kith/session", "kith/hubapi", "kith/meet", "kith/meet/call", "kith/meet/dht", "kith/portmap", "kith/sync", "kith/folder", "kith/preview", "kith/swarm", "kith/swarm/seedpeer", "kith/shelf", "kith/shelf/keeping", "kith/outbox", "kith/internal/archive",
	}, "it connects what stands below the API and must not know who asks"},
	{"kith/api", []string{"kith", "kith/node"}, "whatever it needs, the node offers"},
	{"kith/api/local", []string{"kith"}, "a socket in the home, nothing else"},
	{"kith/api/client", []string{"kith", "kith/node", "kith/api/local"}, "a client shares the server's types, not its code"},
	{"kith/ui", nil, "it holds files; what they say to the node goes through the API"},
	{"kith/web", []string{"kith", "kith/api", "kith/api/local", "kith/ui"}, "the page goes through the API like everybody else"},
	{"kith/hub/mailbox", []string{"kith/hubapi"}, "boxes of opaque bytes, wherever they are kept"},
	{"kith/hub/mailbox/mailboxtest", []string{"kith", "kith/hubapi", "kith/hub/mailbox"}, "the conformance suite may know only the interface"},
	{"kith/hub/mailbox/sqlite", []string{"kith", "kith/hubapi", "kith/hub/mailbox", "kith/internal/sqlfile"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/cluster", []string{"kith"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/mailbox/nats", []string{"kith", "kith/hubapi", "kith/hub/mailbox", "kith/hub/cluster"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/exchange", []string{"kith", "kith/hubapi"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/cluster/clustertest", nil, "it runs another program's servers"},
	{"kith/hub/exchange/exchangetest", []string{"kith", "kith/hubapi", "kith/hub/exchange"}, "the conformance suite may know only the interface"},
	{"kith/hub/exchange/nats", []string{"kith", "kith/hubapi", "kith/hub/exchange", "kith/hub/cluster"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/moderation", []string{"kith", "kith/hubapi"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/moderation/moderationtest", []string{"kith", "kith/hubapi", "kith/hub/moderation"}, "the conformance suite may know only the interface"},
	{"kith/hub/moderation/nats", []string{"kith", "kith/hubapi", "kith/hub/cluster", "kith/hub/moderation"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/seedbox", []string{"kith", "kith/hubapi"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/customer", nil, "an address is a value"},
	{"kith/hub/relay", []string{"kith", "kith/hubapi", "kith/hub/customer"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub/tracker", []string{"kith", "kith/hubapi", "kith/hub/customer"}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/hub", []string{
		"kith", "kith/hubapi", "kith/hub/mailbox", "kith/hub/mailbox/sqlite", "kith/hub/mailbox/nats", "kith/hub/exchange",
		"kith/hub/exchange/nats", "kith/hub/moderation", "kith/hub/moderation/nats", "kith/hub/cluster", "kith/hub/customer", "kith/hub/relay", "kith/hub/tracker",
		"kith/hub/seedbox",
	}, "it may not import what could use a key: that is how we know it is blind"},
	{"kith/cmd/kith", []string{
		"kith", "kith/node", "kith/api", "kith/api/client", "kith/web", "kith/hub", "kith/hubapi",
		"kith/cmd/kith/internal/chat", "kith/cmd/kith/internal/printable", "kith/cmd/kith/internal/wording",
	}, "a command goes through the API like everybody else"},
	{"kith/cmd/kith/internal/chat", []string{
		"kith", "kith/node", "kith/cmd/kith/internal/printable", "kith/cmd/kith/internal/wording",
	}, "the terminal chat draws and asks; who answers is handed in"},
	{"kith/cmd/kith/internal/wording", []string{"kith", "kith/node", "kith/cmd/kith/internal/printable"}, "words for what the API tells"},
	{"kith/cmd/kith/internal/printable", nil, "text in, text out"},
	{"kith/internal/noutp", nil, "it stands in for a module of others"},
	{"kith/internal/freeport", nil, "it looks at the machine only"},
	{"kith/internal/btclient", []string{"kith/internal/freeport"}, "it runs other programs from outside"},
	{"kith/internal/lab", nil, "it runs the program from outside"},
	{"kith/internal/house", nil, "it reads the source from outside"},
	{"kith/internal/bench", nil, "its benchmarks measure the program from outside"},
	{"kith/internal/e2e", nil, "its tests run the program from outside"},
}

func TestImportsFollowTheTable(t *testing.T) {
	table := map[string]layer{}
	for _, l := range layers {
		table[l.pkg] = l
	}
	for _, src := range sources(t) {
		l, ok := table[src.pkg]
		if !ok {
			t.Errorf("%s: package %s has no row in the table of imports: give it one in internal/house/imports_test.go and in ARCHITECTURE.md, with its idea", src.name, src.pkg)
			table[src.pkg] = layer{pkg: src.pkg} // say it once
			continue
		}
		if src.test {
			continue
		}
		var foreign []string // modules of others
		for _, p := range src.imports() {
			first, _, _ := strings.Cut(p, "/")
			switch {
			case first == "kith" && !slices.Contains(l.mayImport, p):
				t.Errorf("%s imports %s, but %s may import only [%s]: %s", src.name, p, src.pkg, strings.Join(l.mayImport, " "), l.why)
			case strings.Contains(first, "."):
				foreign = append(foreign, p)
			}
		}
		if src.pkg == "kith" && len(foreign) > 0 {
			t.Errorf("%s imports %s: the nouns import the standard library only, or everything that imports them carries it along", src.name, strings.Join(foreign, ", "))
		}
	}
}

// TestTableIsInOrder holds that the table itself is a stack: nothing may import
// a package that stands below it.
func TestTableIsInOrder(t *testing.T) {
	seen := map[string]bool{}
	ui := "kith/cmd/kith"
	for _, l := range layers {
		for _, p := range l.mayImport {
			if !seen[p] && !strings.HasPrefix(p, ui+"/") {
				t.Errorf("%s may import %s, which stands below it in the table", l.pkg, p)
			}
		}
		seen[l.pkg] = true
	}
}

// pure names the packages that hold the hard logic. They touch nothing outside
// themselves, so that tables, fuzzing and simulation reach all of them.
var pure = []string{"kith", "kith/wire", "kith/seal", "kith/convo", "kith/people"}

// unclean are imports that reach the machine; netip only names addresses.
var unclean = []string{"os", "net", "syscall", "log", "io/fs", "io/ioutil", "runtime", "sync", "unsafe", "plugin", "testing"}

// clock are the functions of package time that look at it or wait for it.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

func TestPurePackagesTouchNothing(t *testing.T) {
	for _, src := range sources(t) {
		if src.test || !slices.Contains(pure, src.pkg) {
			continue
		}
		for _, p := range src.imports() {
			top, _, _ := strings.Cut(p, "/")
			if p != "net/netip" && (slices.Contains(unclean, p) || slices.Contains(unclean, top) && top != "io") {
				t.Errorf("%s imports %s: package %s works on values alone, so that tables and fuzzing reach all of it; let the caller do this", src.name, p, path.Base(src.pkg))
			}
		}
		name := src.localName("time")
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine: package %s is a set of functions, whoever calls it may run them side by side", src.at(n), path.Base(src.pkg))
			case *ast.SelectorExpr:
				if id, ok := n.X.(*ast.Ident); ok && name != "" && id.Name == name && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s uses time.%s: package %s knows no clock; take the time as an argument", src.at(n), n.Sel.Name, path.Base(src.pkg))
				}
			}
			return true
		})
	}
}
