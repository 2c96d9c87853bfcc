package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Recording is one exchange: a request, and what was answered.
type Recording struct {
	Number  string // by which exchanges are ordered and named
	Name    string
	Request struct {
		Method string
		Path   string
		Body   json.RawMessage
	}
	Status  int
	Headers map[string]string
	Body    json.RawMessage
}

// Recordings reads the exchanges of a folder, in order.
func Recordings(folder string) ([]*Recording, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []*Recording
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r := new(Recording)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		r.Number, r.Name, _ = strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "-")
		out = append(out, r)
	}
	return out, nil
}

// tree decodes JSON with all digits of its numbers. What is no JSON is a string.
func tree(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return string(b)
	}
	return v
}
