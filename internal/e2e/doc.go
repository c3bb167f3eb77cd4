// Package e2e proves what Kith promises with real kith processes: its tests
// start nodes on the small networks of package lab, or on this machine's
// loopback interface, speak to them by the command line and the Go client, and
// unplug, kill, fill up and cheat.
//
//	lan, offer     how two devices find each other
//	nat, nohub     across routers of every kind; with no hub at all
//	better         a relayed link becomes a direct one
//	hub, seedbox   messages and files for somebody who is asleep
//	storm          hub, routers and nodes killed at random
//	files          a sphere's files, of members who leave, lie and crash
//	moving, line   what the network does to them
//	block, hidden  what others see of somebody who does not want to be seen
//	crash          SIGKILL at random moments, over and over
//	disk, end      a full disk, a damaged file, a goodbye
//	rogue          a contact whose program is modified
//	backlog        many messages waiting for somebody who was away
//
// Every conversation is audited at the end (audit_test.go): both histories
// equal, what was acknowledged there once, in the order of writing, delivered.
//
// The tests need Linux, those with a network also root; see package lab. With
// the race detector the nodes have it too, except in the tests of quantity. In
// the environment
//
//	KITH_SOAK=30m   makes the crash test go on that long, and the backlog whole
//	KITH_SEED=1     repeats a crash test's choices; the seed is in its log
package e2e
