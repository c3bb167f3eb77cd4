// Package bench measures what a person would notice: how long a message takes,
// how much memory an idle node holds, how soon it is there. Every figure has an
// aim, and docs/benchmarks.md holds what was measured last.
//
// Real processes are measured, wherever the figure allows, over the networks of
// package lab:
//
//	bench (this process)              namespace ann         namespace bob
//	┌──────────────────────┐          ┌────────────┐        ┌────────────┐
//	│ api/client ──────────┼──socket──┤ kith    eth0├─delay─┤eth0    kith │
//	│            ──────────┼──────────┼─────────────┼─socket┤             │
//	│ clock, /proc/PID     │          └─────────────┘       └─────────────┘
//	└──────────────────────┘
//
// Both nodes are asked by the same process, so one clock measures both ends. A
// socket is a file and needs no network, so the delay is only between the
// nodes.
//
// Each benchmark is a figure or a few, each of its iterations one run; several
// runs give a median. At the end a table is printed, in Markdown:
//
//	make bench
//	make bench BENCH='Latency|Offer' BENCHARGS=-update
//
// With -update the rows of docs/benchmarks.md that were measured are replaced.
// A benchmark never fails because something is slow.
package bench
