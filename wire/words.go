package wire

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"kith"
)

// A mention is a kith.Mention, as [account, text].
type mention kith.Mention

type mentionArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
	Text    string
}

func (m mention) MarshalCBOR() ([]byte, error) {
	return encode(nil, mentionArray{Account: bytes32(m.Account), Text: m.Text})
}

func (m *mention) UnmarshalCBOR(data []byte) error {
	w, err := decode[mentionArray](data)
	*m = mention{Account: kith.AccountID(w.Account), Text: w.Text}
	return err
}

func packMentions(list []kith.Mention) (packed []mention) {
	for _, m := range list {
		packed = append(packed, mention(m))
	}
	return packed
}

func parseMentions(packed []mention) (list []kith.Mention) {
	for _, m := range packed {
		list = append(list, kith.Mention(m))
	}
	return list
}

// checkWords holds a text and its mentions to their limits.
func checkWords(text string, mentions []kith.Mention) error {
	if err := checkText(text); err != nil {
		return err
	}
	return kith.CheckMentions(text, mentions)
}

func checkTarget(b kith.Body) error {
	if b.Target().IsZero() {
		return errors.New("it names no message")
	}
	return nil
}

func checkText(text string) error {
	switch {
	case text == "":
		return errors.New("the text is empty")
	case len(text) > kith.MaxText:
		return fmt.Errorf("the text has %d bytes, at most %d are allowed", len(text), kith.MaxText)
	case !utf8.ValidString(text):
		return errors.New("the text is not valid UTF-8")
	}
	return nil
}

func checkEmoji(emoji string) error {
	switch {
	case len(emoji) > kith.MaxEmoji:
		return fmt.Errorf("the reaction has %d bytes, at most %d are allowed", len(emoji), kith.MaxEmoji)
	case !utf8.ValidString(emoji):
		return errors.New("the reaction is not valid UTF-8")
	}
	return nil
}
