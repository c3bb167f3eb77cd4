package kith

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Mention says whom a few words of a text mean. The words begin with "@" and
// stand in the text; the mentions of a text come in the order of the list, each
// behind the one before it. So nobody counts characters, which programs count
// differently.
type Mention struct {
	Account AccountID `json:"account" doc:"Who is meant"`
	Text    string    `json:"text" doc:"The words that mean them: they begin with @ and stand in the text" example:"@Anna"`
}

// CheckMentions tells what is wrong with the mentions of a text. Both ends
// check: the author's node refuses, a receiver drops and counts.
func CheckMentions(text string, mentions []Mention) error {
	if len(mentions) > MaxMentions {
		return fmt.Errorf("%d people are mentioned, at most %d can be", len(mentions), MaxMentions)
	}
	size := 0
	for _, m := range mentions {
		switch {
		case m.Account.IsZero():
			return errors.New("a mention means nobody")
		case len(m.Text) < 2 || m.Text[0] != '@' || !utf8.ValidString(m.Text):
			return fmt.Errorf("the mention %.40q is not @ and a name", m.Text)
		}
		if size += len(m.Text); size > MaxMentionSize {
			return fmt.Errorf("the mentions are longer than %d KiB", MaxMentionSize>>10)
		}
		_, rest, found := strings.Cut(text, m.Text)
		if !found {
			return fmt.Errorf("the mention %.40q does not stand in the text, or not behind the one before it", m.Text)
		}
		text = rest
	}
	return nil
}
