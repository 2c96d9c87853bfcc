package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/droverhq/drover/store"
)

// sequence is an answer that is a list too long to hold: its elements are made and
// sent one by one.
type sequence iter.Seq[any]

// raw is an answer that is JSON already.
type raw = json.RawMessage

// answer writes a value as JSON.
func (c *call) answer(value any) error {
	pretty, err := c.flag("pretty")
	if err != nil {
		return err
	}
	if list, ok := value.(sequence); ok {
		return c.answerSequence(list, pretty)
	}
	encoded, err := encodeJSON(value, pretty)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return c.send("application/json", func(w io.Writer) error {
		_, err := w.Write(encoded)
		return err
	})
}

func (c *call) answerSequence(list sequence, pretty bool) error {
	return c.send("application/json", func(w io.Writer) error {
		between := "["
		for element := range list {
			encoded, err := encodeJSON(element, pretty)
			if err != nil {
				return fmt.Errorf("encode answer: %w", err)
			}
			if _, err := io.WriteString(w, between); err != nil {
				return err
			}
			if _, err := w.Write(encoded); err != nil {
				return err
			}
			between = ","
		}
		if between == "[" {
			between = "[]"
		} else {
			between = "]"
		}
		_, err := io.WriteString(w, between)
		return err
	})
}

// send writes a body of status 200.
func (c *call) send(contentType string, write func(io.Writer) error) error {
	c.w.Header().Set("Content-Type", contentType)
	b := newPacker(c)
	if err := write(b); err != nil {
		return err
	}
	return b.Close()
}

// encodeJSON encodes a value without escaping what only HTML minds, and without a
// newline at the end.
func encodeJSON(value any, pretty bool) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if pretty {
		e.SetIndent("", "    ")
	}
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// stateHeaders says what state an answer was read from.
func (c *call) stateHeaders(index uint64, leader store.LeaderInfo) {
	c.indexHeader(index)
	c.w.Header().Set("X-Nomad-Knownleader", strconv.FormatBool(leader.ServerID != ""))
	c.w.Header().Set("X-Nomad-Lastcontact", "0")
}

// indexHeader says at which index a write was done.
func (c *call) indexHeader(index uint64) {
	c.w.Header().Set("X-Nomad-Index", strconv.FormatUint(index, 10))
}
