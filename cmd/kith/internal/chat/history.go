package chat

import (
	"slices"

	"kith"
	"kith/node"
)

// A history is what is loaded of a conversation: all messages from the first
// of list up to the end, in the order of the node.
type history struct {
	list []node.Message
	more bool // there are older ones
	// quoted holds messages that are answered to and lie before list; one that
	// could not be had is there without text.
	quoted map[kith.EventID]node.Message
}

func newHistory() *history { return &history{quoted: map[kith.EventID]node.Message{}} }

// window is how many of the newest messages to ask for, so that the answer
// overlaps what is loaded.
func (h *history) window() int { return min(max(page, len(h.list)+page/2), most) }

func (h *history) first() (kith.EventID, bool) {
	if len(h.list) == 0 {
		return kith.EventID{}, false
	}
	return h.list[0].ID, true
}

func (h *history) index(id kith.EventID) int {
	return slices.IndexFunc(h.list, func(m node.Message) bool { return m.ID == id })
}

// end replaces the end of the history by the newest messages, asked of them.
// Where the two don't overlap, what was loaded before is forgotten: it can be
// loaded again, and a hole would go unseen.
func (h *history) end(newest []node.Message, asked int) {
	full := len(newest) >= asked
	if len(newest) > 0 && full {
		if at := h.index(newest[0].ID); at > 0 {
			h.list = append(slices.Clip(h.list[:at]), newest...)
			return
		}
	}
	h.list, h.more = newest, full
}

// before puts an older page in front.
func (h *history) before(older []node.Message, asked int) {
	h.list = append(slices.Clip(older), h.list...)
	h.more = len(older) >= asked
}

// replace takes the new form of a message that is loaded.
func (h *history) replace(m node.Message) bool {
	if _, ok := h.quoted[m.ID]; ok {
		h.quoted[m.ID] = m
	}
	at := h.index(m.ID)
	if at < 0 {
		return false
	}
	h.list[at] = m
	return true
}

// quote finds the message that another answers to.
func (h *history) quote(id kith.EventID) (node.Message, bool) {
	if at := h.index(id); at >= 0 {
		return h.list[at], true
	}
	m, ok := h.quoted[id]
	return m, ok && !m.ID.IsZero()
}

// unquoted names at most n messages that are answered to and not known. Each
// is named once.
func (h *history) unquoted(n int) []kith.EventID {
	loaded := make(map[kith.EventID]bool, len(h.list))
	for _, m := range h.list {
		loaded[m.ID] = true
	}
	var missing []kith.EventID
	for _, m := range h.list {
		if m.ReplyTo == nil || len(missing) == n {
			continue
		}
		id := *m.ReplyTo
		if _, asked := h.quoted[id]; asked || loaded[id] {
			continue
		}
		h.quoted[id] = node.Message{}
		missing = append(missing, id)
	}
	return missing
}
