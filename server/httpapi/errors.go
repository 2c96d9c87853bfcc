package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// What only the HTTP edge knows. The typed errors of package api cover the rest.
var (
	errMalformed = errors.New("malformed request")       // 400
	errMethod    = errors.New("method not allowed")      // 405
	errTooSlow   = errors.New("request came too slowly") // 408
	errUnhealthy = errors.New("agent is unhealthy")      // 500
	errNoNode    = errors.New("node is out of reach")    // 503
)

// statusClientGone is what is logged of a request whose client left; nobody reads it.
const statusClientGone = 499

// worded is an error of a kind that callers decide on, in words of its own.
type worded struct {
	kind error
	text string
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.kind }

func wordedf(kind error, format string, args ...any) error {
	return &worded{kind: kind, text: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error { return wordedf(errMalformed, format, args...) }

func notFound(what string) error { return wordedf(api.ErrNotFound, "%s not found", what) }

func notSupported(format string, args ...any) error {
	return wordedf(api.ErrNotSupported, "not supported: "+format, args...)
}

// statuses says what status an error is answered with; the first that fits counts.
var statuses = []struct {
	err  error
	code int
}{
	{errMalformed, http.StatusBadRequest},
	{errMethod, http.StatusMethodNotAllowed},
	{api.ErrDenied, http.StatusForbidden},
	{api.ErrNotFound, http.StatusNotFound},
	{errTooSlow, http.StatusRequestTimeout},
	{api.ErrConflict, http.StatusConflict},
	{api.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{api.ErrNotSupported, http.StatusNotImplemented},
	{api.ErrNoLeader, http.StatusServiceUnavailable},
	{errNoNode, http.StatusServiceUnavailable},
	{errUnhealthy, http.StatusInternalServerError},
	{store.ErrDiskFull, http.StatusInsufficientStorage},
	{store.ErrClosed, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusGatewayTimeout},
	{context.Canceled, statusClientGone},
}

// statusOf is the one place where errors become status codes.
func statusOf(err error) int {
	var (
		invalid *api.InvalidError
		tooBig  *http.MaxBytesError
		badType *json.UnmarshalTypeError
		badJSON *json.SyntaxError
	)
	switch {
	case errors.As(err, &invalid), errors.As(err, &badType), errors.As(err, &badJSON):
		return http.StatusBadRequest
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.code
		}
	}
	return http.StatusInternalServerError
}

func isConflict(err error) bool { return errors.Is(err, api.ErrConflict) }
