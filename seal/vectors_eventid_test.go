package seal

import (
	"crypto/sha256"
	"testing"

	"kith"
)

// An event's ID is bound to its conversation and its author.
func TestVectorsOfEventIDs(t *testing.T) {
	type eventID struct {
		Nonce        hexBytes `json:"nonce"`
		Conversation hexBytes `json:"conversation"`
		Account      hexBytes `json:"account"`
		ID           hexBytes `json:"id"`
	}
	direct := kith.DirectConversation(anna, ben)
	var list []eventID
	for _, author := range []kith.AccountID{anna, ben} {
		nonce := []byte{1, 2, 3, 4, 5, 6, 7, 8}
		h := sha256.New()
		for _, part := range [][]byte{[]byte("kith event v1"), nonce, direct[:], author[:]} {
			h.Write(part)
		}
		id := kith.EventID(append(append([]byte{}, nonce...), h.Sum(nil)[:8]...))
		if !id.Of(direct, author) {
			t.Errorf("%s is not of %s", id, author.Short())
		}
		list = append(list, eventID{nonce, direct[:], author[:], id[:]})
	}
	hold(t, "eventids", "IDs of events that the account writes in the conversation.", list)

	id := kith.NewEventID(direct, anna)
	if !id.Of(direct, anna) || id.Of(direct, ben) || id.Of(kith.ConversationID{1}, anna) {
		t.Errorf("%s is not of whom it was drawn for, or of others", id)
	}
}
