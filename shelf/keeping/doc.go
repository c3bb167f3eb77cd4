// Package keeping has a hub's seedbox keep what a person shares, so that others
// can fetch it while this device sleeps.
//
//	what is to be kept (Source)       what the hub has (Ledger, Box)
//	             └────────▶  plan  ◀────────┘
//	                           │  one thing at a time
//	              release ◀────┼────▶ upload     the description, then pieces
//	                         look                daily: is it there? renew it
//
// A [Keeper] is for one hub. What it does next is decided by [plan], which is
// pure; it sleeps until that is due or something changes.
//
// # What is durable, and in which order
//
// A row is written before the hub is told of a share, so that what it may have is
// let go of some day, and removed after it let go. How far an upload is, the hub
// knows: it tells when the share is handed to it again, and only what it lacks is
// sent. So a kill at any point costs the two pieces that were under way.
//
// A share that the hub freed, to make room for others, is not brought again:
// two that have no room beside each other would be uploaded for ever.
package keeping
