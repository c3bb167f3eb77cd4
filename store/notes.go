package store

import "kith"

// PutNote shows a change of the roster in the history of a sphere, at the place
// of the record that made it. One that is there is left as it is. A note is
// neither unread nor found by a search.
func (t *Tx) PutNote(conv kith.ConversationID, rec kith.Record, note kith.Note) error {
	p, err := t.sphere(conv)
	if err != nil {
		return err
	}
	if rec.Order >= kith.MaxOrder {
		return kith.Errorf(kith.BadPeer, "a record has the order %d", rec.Order)
	}
	body, err := packBody(&kith.Message{Author: rec.Author, Note: &note})
	if err != nil {
		return err
	}
	at := rec.Stamp()
	// Its row gets a negative ID, as no event has.
	if err := t.c.Exec("insert note", p.row, at.Order, at.ID, rec.Sent, body); err != nil {
		return err
	}
	if t.c.DB.Changes() == 0 {
		return nil
	}
	t.change(conv).touched(at.ID)
	if at.Order > p.highest {
		if err := t.c.Exec("raise highest", p.row, at.Order); err != nil {
			return err
		}
	}
	return t.c.Exec("refresh last", p.row)
}

// DropNotes takes all notes out of a conversation, to put them anew.
func (t *Tx) DropNotes(conv kith.ConversationID) error {
	p, found, err := t.c.find(conv)
	if err != nil || !found {
		return err
	}
	if err := t.c.Exec("delete notes", p.row); err != nil || t.c.DB.Changes() == 0 {
		return err
	}
	change := t.change(conv)
	change.All, change.Messages = true, nil
	return t.c.Exec("recount last", p.row)
}
