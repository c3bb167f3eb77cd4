package store

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"kith"
)

// The index of words takes what unicode61 makes of a text: words in lower case
// without diacritics. Scripts that are written without spaces have no words to
// take; there it takes every pair of neighbouring letters, and the last letter
// of a run alone, as Lucene's CJKAnalyzer does:
//
//	東京都 → 東京 京都 都
//
// So a search for any part of a run is a phrase of pairs, or, for one letter,
// the beginning of a pair. (A trigram index would not find words of two
// letters, which most words of Chinese are.)

// unspaced holds the scripts written without spaces.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

func isUnspaced(r rune) bool {
	const lengthener = 'ー' // of Katakana, but common to several scripts
	return r >= 0x0e00 && unicode.IsLetter(r) && (unicode.In(r, unspaced...) || r == lengthener)
}

// searchable gives a text as the index of words is told it.
func searchable(text string) string {
	if strings.IndexFunc(text, isUnspaced) < 0 {
		return text
	}
	var b strings.Builder
	for _, part := range parts(text) {
		if !part.run {
			b.WriteString(part.text)
			continue
		}
		letters := []rune(part.text)
		for i, r := range letters {
			b.WriteByte(' ')
			b.WriteRune(r)
			if i+1 < len(letters) {
				b.WriteRune(letters[i+1])
			}
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// A part of a text is a run of letters of unspaced scripts, without their
// vowel signs and other marks, or what is between two of them.
type part struct {
	text string
	run  bool
}

func parts(text string) []part {
	var list []part
	var b strings.Builder
	run := false
	for _, r := range text {
		if run && unicode.IsMark(r) {
			continue
		}
		if now := isUnspaced(r); now != run {
			if b.Len() > 0 {
				list = append(list, part{b.String(), run})
				b.Reset()
			}
			run = now
		}
		b.WriteRune(r)
	}
	if b.Len() > 0 {
		list = append(list, part{b.String(), run})
	}
	return list
}

// expression makes an FTS5 expression that finds texts with all the words; the
// last may go on if open is set. What a person types is only ever a quoted
// string in it. It is empty if there is no word.
func expression(words string, open bool) string {
	var terms []string
	closed := false
	for _, word := range strings.Fields(strings.ReplaceAll(words, "\x00", " ")) {
		for _, part := range parts(word) {
			if strings.IndexFunc(part.text, isToken) < 0 {
				continue
			}
			if letters := []rune(part.text); !part.run {
				terms = append(terms, quote(part.text))
			} else if len(letters) == 1 {
				terms = append(terms, quote(part.text)+"*")
			} else {
				var pairs []string
				for i := range len(letters) - 1 {
					pairs = append(pairs, string(letters[i:i+2]))
				}
				terms = append(terms, quote(strings.Join(pairs, " ")))
			}
			closed = part.run
		}
	}
	if len(terms) == 0 {
		return ""
	}
	if open && !closed {
		terms[len(terms)-1] += "*"
	}
	return "text : (" + strings.Join(terms, " AND ") + ")"
}

// isToken reports what unicode61 makes words of.
func isToken(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Search finds the newest messages that hold all the words, in any order and
// whatever their case and accents. If there are fewer than most, it finds those
// too in which the last word goes on. conv, if not nil, is where to look. It
// sees every message that was durable when it was called.
func (s *Store) Search(ctx context.Context, words string, conv *kith.ConversationID, most int) ([]Entry, error) {
	if expression(words, false) == "" {
		return nil, kith.Errorf(kith.Invalid, "search for %.64q: there is no word in it", words)
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	var found []Entry
	err := s.read(ctx, "search", func(c conn) error {
		var place any // in which to look
		if conv != nil {
			known, err := c.One("conversation", func(r *row) { place = r.Int() }, *conv)
			if !known {
				return err
			}
		}
		// For the beginning of a word FTS5 merges the lists of all words that
		// begin so, which takes long if they are common ones; for a whole word
		// it reads no further than the newest.
		for _, open := range []bool{false, true} {
			found = found[:0]
			match, hits, err := c.narrow(expression(words, open), place, limit(most))
			if err != nil {
				return err
			}
			for r, err := range c.Rows("search", match, hits, place, limit(most)) {
				if err != nil {
					return err
				}
				found = append(found, s.scanEntry(r).Entry)
			}
			if len(found) == limit(most) {
				break
			}
		}
		return nil
	})
	return found, err
}

// fewHits is how many hits it is cheaper to look at than to have FTS5 keep to a
// conversation.
const fewHits = 300

// narrow makes an expression keep to a place, and gives the number of hits to
// take. If there are few hits at all, they are all taken and sorted out later.
func (c conn) narrow(match string, place any, most int) (string, int, error) {
	id, ok := place.(int64)
	if !ok {
		return match, most, nil
	}
	hits := 0
	if _, err := c.One("count hits", func(r *row) { hits = int(r.Int()) }, match, fewHits); err != nil {
		return "", 0, err
	}
	if hits < fewHits {
		return match, fewHits, nil
	}
	return match + " AND conversation : " + conversationToken(id), most, nil
}

func conversationToken(row int64) string { return "c" + strconv.FormatInt(row, 10) }

// searchBatch is how many messages are indexed at a time while a search waits.
const searchBatch = 2000

// catchUp waits until the index of words lacks nothing.
func (s *Store) catchUp(ctx context.Context) error {
	for {
		behind := false
		err := s.read(ctx, "search", func(c conn) (err error) {
			behind, err = c.One("anything unindexed", func(*row) {})
			return err
		})
		if err != nil || !behind {
			return err
		}
		err = s.write(ctx, "index messages for search", func(t *Tx) error {
			_, err := t.index(searchBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// index brings up to most messages into the index of words, in the order of
// their IDs: FTS5 starts a new segment whenever one goes back.
func (t *Tx) index(most int) (int, error) {
	type message struct {
		id, conv    int64
		text        string
		fresh, gone bool
	}
	var batch []message
	for r, err := range t.c.Rows("unindexed", most) {
		if err != nil {
			return 0, err
		}
		m := message{id: r.Int(), fresh: r.Bool(), text: r.Text(), conv: r.Int(), gone: r.Bool()}
		m.text += attachedName(r.Blob())
		batch = append(batch, m)
	}
	for _, m := range batch {
		if !m.fresh {
			if err := t.c.Exec("unindex words", m.id); err != nil {
				return 0, err
			}
		}
		if !m.gone {
			if err := t.c.Exec("index words", m.id, searchable(m.text), conversationToken(m.conv)); err != nil {
				return 0, err
			}
		}
		if err := t.c.Exec("indexed", m.id); err != nil {
			return 0, err
		}
	}
	return len(batch), nil
}

const (
	indexDelay = 100 * time.Millisecond // without a new message, before words are indexed
	indexBatch = 100                    // messages, about 5 ms; a write may have to wait for it
)

// indexWhenIdle brings messages into the index of words, a batch at a time, when
// none has come for a while.
func (s *Store) indexWhenIdle() {
	for wait := time.Duration(0); ; {
		select {
		case <-s.background.Done():
			return
		case <-time.After(wait):
		}
		wait = indexDelay
		select {
		case <-s.unindexed: // there is one that came meanwhile
			continue
		default:
		}
		n := 0
		err := s.write(s.background, "index messages for search", func(t *Tx) (err error) {
			n, err = t.index(indexBatch)
			return err
		})
		if err == nil && n == indexBatch {
			wait = 0
			continue
		}
		if err != nil && s.background.Err() == nil {
			s.log.Error("index messages for search", "error", err)
		}
		select {
		case <-s.background.Done():
			return
		case <-s.unindexed:
		}
	}
}
