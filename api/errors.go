package api

import (
	"errors"
	"strings"
)

//msgp:ignore FieldError InvalidError

// Errors that callers decide on. Whoever meets one wraps it with what was being
// done and to what; the HTTP edge turns it into a status code at one place, and
// the client turns the status code back.
var (
	ErrNotFound     = errors.New("not found")         // 404
	ErrConflict     = errors.New("conflict")          // 409; what was read has been written since
	ErrDenied       = errors.New("permission denied") // 403
	ErrNoLeader     = errors.New("no cluster leader") // 503, try again
	ErrTooLarge     = errors.New("too large")         // 413
	ErrNotSupported = errors.New("not supported")     // 501
)

// FieldError is one thing that is wrong with an input.
type FieldError struct {
	Field   string // where, as the user wrote it: group "web" > task "app" > driver
	Message string // what is wrong and what to do
}

func (e FieldError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// InvalidError says that an input can't be accepted (400) and lists everything
// that is wrong with it.
type InvalidError struct {
	What   string // what was refused: job "shop"
	Fields []FieldError
}

// Error puts every field error on a line of its own.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString(e.What)
	b.WriteString(" is not valid")
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(":")
		}
		b.WriteString("\n  * ")
		b.WriteString(f.Error())
	}
	return b.String()
}

// Add notes one more thing that is wrong.
func (e *InvalidError) Add(field, message string) {
	e.Fields = append(e.Fields, FieldError{Field: field, Message: message})
}

// OrNil returns nil when nothing is wrong, so that validation can end with
// `return e.OrNil()`.
func (e *InvalidError) OrNil() error {
	if e == nil || len(e.Fields) == 0 {
		return nil
	}
	return e
}
