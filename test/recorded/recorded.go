// Package recorded holds exchanges with the HTTP API that clients know, as they were
// recorded from a server that they were made for: the facts that answers are held to.
package recorded

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed http/*.json
var files embed.FS

// Exchange is a request and what was answered.
type Exchange struct {
	Number  string `json:"-"` // 035: exchanges were made in the order of their numbers
	Name    string `json:"-"` // job
	Request struct {
		Method string
		Path   string
		Body   json.RawMessage
	}
	Status  int
	Headers map[string]string
	Body    json.RawMessage
	Lines   []json.RawMessage `json:"ndjson"` // of an answer that is a stream of documents
}

// All returns all exchanges, in order.
func All() ([]*Exchange, error) {
	entries, err := files.ReadDir("http")
	if err != nil {
		return nil, err
	}
	var all []*Exchange
	for _, entry := range entries {
		text, err := files.ReadFile("http/" + entry.Name())
		if err != nil {
			return nil, err
		}
		e := new(Exchange)
		if err := json.Unmarshal(text, e); err != nil {
			return nil, fmt.Errorf("read recording %s: %w", entry.Name(), err)
		}
		e.Number, e.Name, _ = strings.Cut(strings.TrimSuffix(entry.Name(), ".json"), "-")
		all = append(all, e)
	}
	return all, nil
}

// Get returns an exchange by its number, which may be followed by a dash and its name.
func Get(number string) (*Exchange, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if number == e.Number || number == e.Number+"-"+e.Name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("there is no recording %s", number)
}
