package chat

import (
	"strconv"
	"strings"
	"time"

	"kith"
	"kith/node"
)

// A command is what a line that begins with a slash asks for. Each is a type
// of its own.
type command interface{ command() }

type (
	helpCommand   struct{}
	statusCommand struct{}
	quitCommand   struct{}
	retryCommand  struct{}
	replyCommand  struct{ target, text string }
	editCommand   struct{ target, text string }
	reactCommand  struct{ target, emoji string }
	deleteCommand struct{ target string }
	searchCommand struct{ words string }
	blockCommand  struct {
		length time.Duration // zero: for good
		lift   bool
	}
	// sayCommand is no command: text to send.
	sayCommand struct{ text string }
)

func (helpCommand) command()   {}
func (statusCommand) command() {}
func (quitCommand) command()   {}
func (retryCommand) command()  {}
func (replyCommand) command()  {}
func (editCommand) command()   {}
func (reactCommand) command()  {}
func (deleteCommand) command() {}
func (searchCommand) command() {}
func (blockCommand) command()  {}
func (sayCommand) command()    {}

// usage is what /help shows of the commands, and what an incomplete one says.
var usage = [...]struct{ word, form, does string }{
	{"/reply", "/reply N TEXT", "answer a message"},
	{"/react", "/react N EMOJI", "react to it; without an emoji, withdraw"},
	{"/edit", "/edit N TEXT", "change a message of yours"},
	{"/delete", "/delete N", "take a message of yours back, for good"},
	{"/search", "/search WORDS", "find messages of this conversation"},
	{"/status", "/status", "how you are connected, and if not, why"},
	{"/retry", "/retry", "try to connect at once"},
	{"/block", "/block [30m]", "block them, for good or for 30m to 24h"},
	{"/unblock", "/unblock", "end the block"},
	{"/help", "/help", "this page"},
	{"/quit", "/quit", "leave; also Ctrl+C"},
}

// parse understands a line. Two slashes send a text that begins with one.
func parse(line string, duration func(string) (time.Duration, error)) (command, error) {
	if !strings.HasPrefix(line, "/") {
		return sayCommand{line}, nil
	}
	if strings.HasPrefix(line, "//") {
		return sayCommand{line[1:]}, nil
	}
	word, rest := cut(line)
	target, text := cut(rest)
	switch word {
	case "/help", "/?":
		return helpCommand{}, nil
	case "/status":
		return statusCommand{}, nil
	case "/quit", "/exit", "/q":
		return quitCommand{}, nil
	case "/retry":
		return retryCommand{}, nil
	case "/unblock":
		return blockCommand{lift: true}, nil
	case "/block":
		if rest == "" {
			return blockCommand{}, nil
		}
		length, err := duration(rest)
		return blockCommand{length: length}, err
	case "/reply":
		return replyCommand{target, text}, need(word, target, text)
	case "/edit":
		return editCommand{target, text}, need(word, target, text)
	case "/react":
		return reactCommand{target, text}, need(word, target)
	case "/delete":
		return deleteCommand{target}, need(word, target)
	case "/search":
		return searchCommand{rest}, need(word, rest)
	}
	return nil, kith.Errorf(kith.Invalid, "there is no command %s; /help lists them, and // sends a text that begins with a slash", word)
}

// asksNode reports whether a command needs the node.
func asksNode(c command) bool {
	switch c.(type) {
	case helpCommand, statusCommand, quitCommand:
		return false
	}
	return true
}

// need reports an argument that is missing.
func need(word string, args ...string) error {
	for _, arg := range args {
		if arg != "" {
			continue
		}
		for _, u := range usage {
			if u.word == word {
				return kith.Errorf(kith.Invalid, "write %s", u.form)
			}
		}
	}
	return nil
}

// cut takes the first word.
func cut(s string) (word, rest string) {
	s = strings.TrimSpace(s)
	at := strings.IndexAny(s, " \t\n")
	if at < 0 {
		return s, ""
	}
	return s[:at], strings.TrimSpace(s[at:])
}

// numbered reports whether a line being written may name a message by its
// number, so that the numbers should be shown.
func numbered(line string) bool {
	return strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//")
}

// target finds the message that a command names: a number as shown, or the
// start of an ID, which the node looks up.
func (m *Model) target(name string) (string, error) {
	n, err := strconv.Atoi(name)
	if err != nil || len(name) >= 6 {
		return name, nil
	}
	if n < 1 || n > len(m.numbers) {
		return "", kith.Errorf(kith.NotFound, "there is no message %d; the numbers are shown while you write a command", n)
	}
	return m.numbers[n-1].String(), nil
}

// count numbers the loaded messages, the newest first.
func count(list []node.Message) []kith.EventID {
	ids := make([]kith.EventID, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		ids = append(ids, list[i].ID)
	}
	return ids
}
