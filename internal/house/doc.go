// Package house holds the rules of this repository as tests, so that nobody
// has to remember them and nobody has to enforce them in a review. A failure
// names the file, the rule and its reason.
//
//	imports_test.go   which package may import which, and what the pure ones may not touch
//	sleep_test.go     no test waits for real time to pass
//	prose_test.go     package comments, doc comments, the documents at the root
//	length_test.go    how long a file may be
//	licence_test.go   under which licences the modules in the program are
//
// The tests read the source with go/parser, whatever its build tags say, so
// that code for another system is held to the same rules.
package house
