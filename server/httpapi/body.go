package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"
	"unicode/utf8"
)

// readBody reads the body of a request, if it is neither too large nor sent too
// slowly.
func (c *call) readBody() ([]byte, error) {
	limits := c.api.limits
	control := http.NewResponseController(c.w)
	if err := setReadDeadline(control, time.Now().Add(limits.BodyTimeout)); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.http.Body, limits.MaxBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return nil, fmt.Errorf("request body is larger than %d bytes: %w", limits.MaxBody, err)
		}
		return nil, &worded{kind: bodyErrorKind(err), text: "read request body: " + err.Error()}
	}
	return b, setReadDeadline(control, time.Time{})
}

// bodyErrorKind tells a body that came too slowly from one that broke off.
func bodyErrorKind(err error) error {
	var slow interface{ Timeout() bool }
	if errors.As(err, &slow) && slow.Timeout() {
		return errTooSlow
	}
	return errMalformed
}

func setReadDeadline(control *http.ResponseController, at time.Time) error {
	if err := control.SetReadDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set read deadline: %w", err)
	}
	return nil
}

// decode reads a JSON body into a value. An empty body leaves it as it is. Unknown
// fields are ignored; a null where a list or map has no place for one is refused, so
// that nobody behind has to expect it.
func (c *call) decode(into any) error {
	b, err := c.readBody()
	if err != nil {
		return err
	}
	return decodeJSON(b, into)
}

func decodeJSON(b []byte, into any) error {
	if len(b) == 0 {
		return nil
	}
	if !utf8.Valid(b) {
		return malformed("request body is not valid UTF-8")
	}
	if err := json.Unmarshal(b, into); err != nil {
		var badType *json.UnmarshalTypeError
		if errors.As(err, &badType) {
			return malformed("request body: %s is a %s, which can't be read as %s (byte %d)",
				badType.Field, badType.Value, badType.Type, badType.Offset)
		}
		return malformed("request body is not the expected JSON: %v", err)
	}
	if at := nullElement(reflect.ValueOf(into), ""); at != "" {
		return malformed("request body: %s is null", at)
	}
	return nil
}

// nullElement returns where in a value a list or map of pointers has a null, or "".
func nullElement(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return nullElement(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			if at := nullElement(v.Field(i), join(path, field.Name)); at != "" {
				return at
			}
		}
	case reflect.Slice:
		if !holdsPointers(v.Type().Elem()) {
			return ""
		}
		for i := range v.Len() {
			if at := nullIn(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); at != "" {
				return at
			}
		}
	case reflect.Map:
		if !holdsPointers(v.Type().Elem()) {
			return ""
		}
		for entries := v.MapRange(); entries.Next(); {
			if at := nullIn(entries.Value(), fmt.Sprintf("%s[%q]", path, entries.Key())); at != "" {
				return at
			}
		}
	}
	return ""
}

// nullIn is nullElement for an element, which may not be null itself.
func nullIn(v reflect.Value, path string) string {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return path
	}
	return nullElement(v, path)
}

// holdsPointers reports whether elements of a type are worth a look.
func holdsPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Map:
		return true
	}
	return false
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}
