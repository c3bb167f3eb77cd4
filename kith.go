// Package kith is the dictionary of the project: the nouns that every other
// package speaks of, and nothing that acts.
//
// A person is an [AccountID], an Ed25519 public key; each of their
// installations is a [DeviceID], another one, certified by the account. Two
// accounts, or a sphere of many, share a conversation, named by a
// [ConversationID]. What is said in it is a sequence of events, and every
// author device numbers its own events 1, 2, 3… without a hole. So what a
// device has of a conversation is told by one number per author, its have
// [Vector]; comparing two of them says what each side lacks.
//
// An [Event] is immutable. What people see, a [Message], is the fold of one
// text event and of the edits, deletions and reactions that name it.
//
// The package imports none of the project's packages; all of them import it.
package kith
