// Package stripe carries one direction of an ordered stream over several lanes
// side by side, and puts it in order again at the other end.
//
// A lane is an ordered, reliable, flow-controlled pipe of its own. The bytes
// are cut into chunks, each with its offset, and whichever lane has room takes
// the next one:
//
//	Write ─▶ chunks ─┬─▶ first lane ─┬─▶ heads ─▶ Read: the chunk that begins
//	                 ├─▶ lane ───────┤            where the last one ended
//	                 └─▶ lane ───────┘
//
// On each lane the offsets ascend. So the lowest missing byte is never behind
// one that waits, and the reader needs no buffer: it looks at the head of each
// lane and leaves the rest where it is, in the window of that lane's flow
// control. Who sends other offsets breaks the protocol.
//
// The first lane lives as long as the stream and tells where it ends. Others
// come, and end when there was nothing to do for a while: Add, Retire. What
// was given to a lane is not given to another one. So if one is lost, the
// stream is, and whoever uses it begins anew.
package stripe
