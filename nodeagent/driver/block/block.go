// Package block reads a config block, as a jobspec or an agent's configuration has it,
// into the types of the driver that it is for, and notes everything that is wrong with
// it on the way.
//
//	b := block.New("config of driver docker", config)
//	image := b.Text("image")
//	for _, m := range b.Blocks("mount") { … m.Text("source") … }
//	err := b.Err() // an *api.InvalidError that names each wrong key, also the unknown ones
//
// A key that nobody has asked for when Err is called is unknown.
package block

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/agext/levenshtein"

	"github.com/droverhq/drover/api"
)

// Block is a config block that is being read. It is for one goroutine.
type Block struct {
	path   string // of this block, with a dot at its end; empty for the outermost
	values map[string]any
	asked  map[string]bool
	inner  []*Block
	wrong  *api.InvalidError
}

// New returns a reader of a block; what it is appears in the error.
func New(what string, values map[string]any) *Block {
	return &Block{values: values, asked: map[string]bool{}, wrong: &api.InvalidError{What: what}}
}

// Err says what is wrong; nil if nothing is.
func (b *Block) Err() error {
	b.reportUnknown()
	return b.wrong.OrNil()
}

func (b *Block) reportUnknown() {
	for _, key := range slices.Sorted(maps.Keys(b.values)) {
		if !b.asked[key] {
			b.Wrong(key, "is unknown"+b.suggest(key))
		}
	}
	for _, inner := range b.inner {
		inner.reportUnknown()
	}
}

// suggest names the key that was probably meant.
func (b *Block) suggest(key string) string {
	const near = 3 // edits
	known := slices.Sorted(maps.Keys(b.asked))
	best := slices.MinFunc(append(known, ""), func(x, y string) int {
		return cmp.Compare(levenshtein.Distance(key, x, nil), levenshtein.Distance(key, y, nil))
	})
	if best == "" || levenshtein.Distance(key, best, nil) > near {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Wrong notes that a key is wrong, and why.
func (b *Block) Wrong(key, why string) { b.wrong.Add(b.path+key, why) }

// Has reports whether the block has a key.
func (b *Block) Has(key string) bool { return b.Value(key) != nil }

// Value returns what stands there, of whatever type; nil if nothing does.
func (b *Block) Value(key string) any {
	b.asked[key] = true
	return b.values[key]
}

// Refuse notes that a key, if it is there, can't be given what it asks for, and why.
func (b *Block) Refuse(key, why string) {
	if b.Has(key) {
		b.Wrong(key, "is not supported: "+why)
	}
}

// Text returns a string; numbers and bools are taken as they would be written.
func (b *Block) Text(key string) string {
	if !b.Has(key) {
		return ""
	}
	text, ok := scalar(b.values[key])
	if !ok {
		b.Wrong(key, fmt.Sprintf("must be a string, not %T", b.values[key]))
	}
	return text
}

// TextOr is Text with a default.
func (b *Block) TextOr(key, otherwise string) string { return cmp.Or(b.Text(key), otherwise) }

// Flag returns a bool, false if the key is not there.
func (b *Block) Flag(key string) bool { return b.FlagOr(key, false) }

// FlagOr is Flag with a default.
func (b *Block) FlagOr(key string, otherwise bool) bool {
	if !b.Has(key) {
		return otherwise
	}
	text, _ := scalar(b.values[key])
	v, err := strconv.ParseBool(text)
	if err != nil {
		b.Wrong(key, fmt.Sprintf("must be true or false, not %v", b.values[key]))
	}
	return v
}

// Number returns an integer, 0 if the key is not there.
func (b *Block) Number(key string) int64 { return b.NumberOr(key, 0) }

// NumberOr is Number with a default.
func (b *Block) NumberOr(key string, otherwise int64) int64 {
	if !b.Has(key) {
		return otherwise
	}
	return b.integer(key, b.values[key])
}

// NumberIn is NumberOr of a number that must lie between two, which the default need not.
func (b *Block) NumberIn(key string, otherwise, least, most int64) int64 {
	if !b.Has(key) {
		return otherwise
	}
	n, ok := parseInteger(b.values[key])
	if !ok || n < least || n > most {
		b.Wrong(key, fmt.Sprintf("must be a whole number from %d to %d, not %v", least, most, b.values[key]))
	}
	return n
}

func (b *Block) integer(key string, value any) int64 {
	n, ok := parseInteger(value)
	if !ok {
		b.Wrong(key, fmt.Sprintf("must be a whole number, not %v", value))
	}
	return n
}

func parseInteger(value any) (n int64, ok bool) {
	text, _ := scalar(value)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// DurationOr returns a duration, as in "5m".
func (b *Block) DurationOr(key string, otherwise time.Duration) time.Duration {
	text := b.Text(key)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		b.Wrong(key, fmt.Sprintf("%q is not a duration; write it as 90s or 5m", text))
	}
	return d
}

// Texts returns a list of strings.
func (b *Block) Texts(key string) []string {
	if !b.Has(key) {
		return nil
	}
	var texts []string
	switch list := b.values[key].(type) {
	case []string:
		return list
	case []any:
		for i, value := range list {
			text, ok := scalar(value)
			if !ok {
				b.Wrong(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("must be a string, not %T", value))
			}
			texts = append(texts, text)
		}
	default:
		b.Wrong(key, fmt.Sprintf("must be a list of strings, not %T", list))
	}
	return texts
}

// Map returns what an attribute with a map, or a block with free names, says. Several
// blocks are taken as one.
func (b *Block) Map(key string) map[string]string {
	var out map[string]string
	for _, part := range b.parts(key) {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			text, ok := scalar(part[name])
			if !ok {
				b.Wrong(key+"."+name, fmt.Sprintf("must be a string, not %T", part[name]))
			}
			if out == nil {
				out = map[string]string{}
			}
			out[name] = text
		}
	}
	return out
}

// Required is Text of a key that must be there; why says what for.
func (b *Block) Required(key, why string) string {
	text := b.Text(key)
	if !b.Has(key) {
		b.Wrong(key, "is missing: "+why)
	} else if b.values[key] == "" {
		b.Wrong(key, "is empty: "+why)
	}
	return text
}

// OneOf is Text of a key whose value is one of some: the first if the key is not there.
func (b *Block) OneOf(key string, values ...string) string {
	text := b.TextOr(key, values[0])
	if !slices.Contains(values, text) {
		b.Wrong(key, fmt.Sprintf("is one of %q, not %q", values, text))
	}
	return text
}

// NumberMap is Map with whole numbers.
func (b *Block) NumberMap(key string) map[string]int64 {
	var out map[string]int64
	for _, part := range b.parts(key) {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			if out == nil {
				out = map[string]int64{}
			}
			out[name] = b.integer(key+"."+name, part[name])
		}
	}
	return out
}

// Blocks returns the blocks of a name.
func (b *Block) Blocks(key string) []*Block {
	parts := b.parts(key)
	out := make([]*Block, len(parts))
	for i, part := range parts {
		path := b.path + key
		if len(parts) > 1 {
			path = fmt.Sprintf("%s[%d]", path, i)
		}
		out[i] = &Block{path: path + ".", values: part, asked: map[string]bool{}, wrong: b.wrong}
	}
	b.inner = append(b.inner, out...)
	return out
}

// One returns the block of a name that may be there once; an empty one if it is not.
func (b *Block) One(key string) *Block {
	all := b.Blocks(key)
	if len(all) > 1 {
		b.Wrong(key, "is there more than once")
	}
	if len(all) == 0 {
		return &Block{path: b.path + key + ".", asked: map[string]bool{}, wrong: b.wrong}
	}
	return all[0]
}

// parts returns the maps that a name stands for: one for each block.
func (b *Block) parts(key string) []map[string]any {
	if !b.Has(key) {
		return nil
	}
	var out []map[string]any
	switch v := b.values[key].(type) {
	case map[string]any:
		return []map[string]any{v}
	case map[string]string:
		part := make(map[string]any, len(v))
		for name, text := range v {
			part[name] = text
		}
		return []map[string]any{part}
	case []map[string]any:
		return v
	case []any:
		for _, one := range v {
			part, ok := one.(map[string]any)
			if !ok {
				b.Wrong(key, fmt.Sprintf("must be a block or a map, not a list of %T", one))
				return nil
			}
			out = append(out, part)
		}
	default:
		b.Wrong(key, fmt.Sprintf("must be a block or a map, not %T", v))
	}
	return out
}

// scalar returns a value as it would have been written in a string. Numbers may have
// become others of the same value on their way through JSON and msgp.
func scalar(value any) (string, bool) {
	switch v := reflect.ValueOf(value); {
	case !v.IsValid():
		return "", false
	case v.Kind() == reflect.String:
		return v.String(), true
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), true
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), true
	default:
		return "", false
	}
}
