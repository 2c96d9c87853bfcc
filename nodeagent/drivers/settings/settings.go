// Package settings reads the blocks that configure drivers: a task's config, a
// plugin's in the agent's configuration. It reports everything that is wrong with one,
// not just the first.
//
//	r := settings.Read("config of driver raw_exec", block, "command", "args")
//	c := config{Command: r.Text("command"), Args: r.Texts("args")}
//	return c, r.Err()
package settings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/agext/levenshtein"

	"github.com/droverhq/drover/api"
)

// Reader reads one block.
type Reader struct {
	block map[string]any
	known []string
	wrong *api.InvalidError
}

// Read begins to read a block that may have the known keys.
func Read(what string, block map[string]any, known ...string) *Reader {
	r := &Reader{block: block, known: known, wrong: &api.InvalidError{What: what}}
	for _, key := range slices.Sorted(maps.Keys(block)) {
		if !slices.Contains(known, key) {
			r.Wrong(key, "is unknown"+r.suggest(key))
		}
	}
	return r
}

// suggest names the known key that was probably meant.
func (r *Reader) suggest(key string) string {
	const near = 3 // edits
	best, distance := "", near+1
	for _, known := range r.known {
		if n := levenshtein.Distance(key, known, nil); n < distance {
			best, distance = known, n
		}
	}
	if best == "" {
		return fmt.Sprintf("; known are %q", r.known)
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Wrong notes that something is wrong with a key.
func (r *Reader) Wrong(key, problem string) { r.wrong.Add(key, problem) }

// Err returns an *api.InvalidError, or nil if nothing is wrong.
func (r *Reader) Err() error { return r.wrong.OrNil() }

// Has reports whether the key is set.
func (r *Reader) Has(key string) bool { return r.block[key] != nil }

// Text reads a string; "" if it is not set.
func (r *Reader) Text(key string) string {
	value := r.block[key]
	if value == nil {
		return ""
	}
	text, ok := scalar(value)
	if !ok {
		r.Wrong(key, fmt.Sprintf("must be a string, not %T", value))
	}
	return text
}

// Required reads a string that must be there; why says what for.
func (r *Reader) Required(key, why string) string {
	text := r.Text(key)
	switch {
	case !r.Has(key):
		r.Wrong(key, "is missing: "+why)
	case text == "" && len(r.wrong.Fields) == 0:
		r.Wrong(key, "is empty: "+why)
	}
	return text
}

// OneOf reads a string that is one of some; the first if it is not set.
func (r *Reader) OneOf(key string, values ...string) string {
	text := r.Text(key)
	if text == "" {
		return values[0]
	}
	if !slices.Contains(values, text) {
		r.Wrong(key, fmt.Sprintf("is one of %q, not %q", values, text))
	}
	return text
}

// Texts reads a list of strings.
func (r *Reader) Texts(key string) []string {
	switch list := r.block[key].(type) {
	case nil:
		return nil
	case []string:
		return list
	case []any:
		texts := make([]string, len(list))
		for i, value := range list {
			text, ok := scalar(value)
			if !ok {
				r.Wrong(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("must be a string, not %T", value))
			}
			texts[i] = text
		}
		return texts
	default:
		r.Wrong(key, fmt.Sprintf("must be a list of strings, not %T", list))
		return nil
	}
}

// Bool reads a switch; off if it is not set.
func (r *Reader) Bool(key string) bool {
	text := r.Text(key)
	if text == "" {
		return false
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		r.Wrong(key, fmt.Sprintf("is true or false, not %q", text))
	}
	return on
}

// Number reads a whole number between two; 0 if it is not set.
func (r *Reader) Number(key string, least, most int) int {
	text := r.Text(key)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		r.Wrong(key, fmt.Sprintf("is a whole number from %d to %d, not %q", least, most, text))
		return 0
	}
	return n
}

// Map reads strings by name, written as a map or as a block.
func (r *Reader) Map(key string) map[string]string {
	value := r.block[key]
	if blocks, ok := value.([]map[string]any); ok && len(blocks) == 1 {
		value = blocks[0]
	}
	if blocks, ok := value.([]any); ok && len(blocks) == 1 {
		value = blocks[0]
	}
	switch m := value.(type) {
	case nil:
		return nil
	case map[string]string:
		return m
	case map[string]any:
		texts := make(map[string]string, len(m))
		for name, value := range m {
			text, ok := scalar(value)
			if !ok {
				r.Wrong(key+"."+name, fmt.Sprintf("must be a string, not %T", value))
			}
			texts[name] = text
		}
		return texts
	default:
		r.Wrong(key, fmt.Sprintf("must be a map of strings, not %T", value))
		return nil
	}
}

// scalar returns a value as the jobspec would have written it in a string.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}
