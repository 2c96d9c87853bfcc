package files

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// query is the options of a request.
type query struct {
	url.Values
}

func (q query) text(name string) string { return q.Get(name) }

func invalid(name, message string) error {
	return &api.InvalidError{What: "request", Fields: []api.FieldError{{Field: name, Message: message}}}
}

func (q query) required(name string) (string, error) {
	value := q.Get(name)
	if value == "" {
		return "", invalid(name, "is missing")
	}
	return value, nil
}

// number returns a number that is not negative; 0 when it is absent.
func (q query) number(name string) (int64, error) {
	value := q.Get(name)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, invalid(name, fmt.Sprintf("%q is not a number of bytes", value))
	}
	return n, nil
}

func (q query) flag(name string, absent bool) (bool, error) {
	value := q.Get(name)
	if value == "" {
		return absent, nil
	}
	v, err := strconv.ParseBool(value)
	if err != nil {
		return false, invalid(name, fmt.Sprintf("%q is neither true nor false", value))
	}
	return v, nil
}

// position returns offset and origin.
func (q query) position() (offset int64, fromEnd bool, err error) {
	switch origin := q.Get("origin"); origin {
	case "", "start":
	case "end":
		fromEnd = true
	default:
		return 0, false, invalid("origin", fmt.Sprintf("%q is neither start nor end", origin))
	}
	offset, err = q.number("offset")
	return offset, fromEnd, err
}
