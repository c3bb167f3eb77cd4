package api

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// misfits put into words what huma finds in a request that does not fit the
// document. $1 is what huma tells beside it.
var misfits = []struct {
	found *regexp.Regexp
	said  string // after the name of the field
}{
	{regexp.MustCompile(`^expected required property (\S+) to be present$`), "is missing"},
	{regexp.MustCompile(`^required \w+ parameter is missing$`), "is missing"},
	{regexp.MustCompile(`^(unexpected property|unknown query parameter)$`), "is not known here"},
	{regexp.MustCompile(`^expected boolean$|^invalid boolean$`), "has to be true or false"},
	{regexp.MustCompile(`^(expected|invalid) integer$`), "has to be a whole number"},
	{regexp.MustCompile(`^expected number$|^invalid float`), "has to be a number"},
	{regexp.MustCompile(`^expected string$`), "has to be a text"},
	{regexp.MustCompile(`^expected array$`), "has to be a list"},
	{regexp.MustCompile(`^expected object$`), "has to be an object with fields"},
	{regexp.MustCompile(`^expected number >= (.+)$`), "has to be at least $1"},
	{regexp.MustCompile(`^expected number > (.+)$`), "has to be more than $1"},
	{regexp.MustCompile(`^expected number <= (.+)$`), "may be at most $1"},
	{regexp.MustCompile(`^expected number < (.+)$`), "has to be less than $1"},
	{regexp.MustCompile(`^expected length >= (\d+)$`), "is too short: the least is $1 characters"},
	{regexp.MustCompile(`^expected length <= (\d+)$`), "is too long: the most is $1 characters"},
	{regexp.MustCompile(`^expected array length >= (\d+)$`), "has too few entries: the least is $1"},
	{regexp.MustCompile(`^expected array length <= (\d+)$`), "has too many entries: the most is $1"},
	{regexp.MustCompile(`^expected value to be one of "(.*)"$`), "has to be one of $1"},
	{regexp.MustCompile(`^expected string to be RFC 3339 date-time$`), "has to be a time, as 2026-03-04T09:01:00Z"},
	{regexp.MustCompile(`^expected string to be base64 encoded$`), "has to be in base64"},
	{regexp.MustCompile(`^expected string to match pattern`), "is not written as it has to be"},
}

// exponent is a number as Go writes large ones.
var exponent = regexp.MustCompile(`\d(\.\d+)?e\+\d{2,3}\b`)

// misfit says which field of a request does not fit, and what is wrong with it.
func misfit(e *huma.ErrorDetail) string {
	part, field, _ := strings.Cut(e.Location, ".")
	subject := func(field string) string {
		switch {
		case field != "":
			return "“" + field + "” "
		case part == "":
			return "it "
		}
		return "the " + part + " of the request "
	}
	message := exponent.ReplaceAllStringFunc(e.Message, func(number string) string {
		value, _ := strconv.ParseFloat(number, 64) // it is one by its form
		return strconv.FormatFloat(value, 'f', -1, 64)
	})
	for _, m := range misfits {
		found := m.found.FindStringSubmatchIndex(message)
		if found == nil {
			continue
		}
		if m.said == "is missing" && len(found) > 2 { // told of what it is missing in
			if field != "" {
				field += "."
			}
			field += message[found[2]:found[3]]
		}
		return subject(field) + string(m.found.ExpandString(nil, m.said, message, found))
	}
	return subject(field) + "can't be used: " + message
}
