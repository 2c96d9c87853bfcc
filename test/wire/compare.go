package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// comparison compares answers with recordings. It learns which IDs stand for those that
// were recorded.
type comparison struct {
	ids map[string]string // by what was recorded
}

// difference is a place in which an answer is not as recorded.
type difference struct {
	path string
	what string
}

func (d difference) String() string { return d.path + ": " + d.what }

// random are what has a new value every time.
var random = regexp.MustCompile(`[0-9a-f]{64}|v1:\d{15,20}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|dispatch-\d{10}-[0-9a-f]{8}|periodic-\d{10}`)

// varying are the fields that differ from one machine or run to another, by the end of a
// path: of their values only the type is compared.
var varying = []string{
	"Index", ".AllocationTime", ".NodeName", ".Hash", ".HTTPAddr", ".Address", ".MemoryMB", ".CpuShares", ".DiskMB", ".SubmitTime",
	".CreateTime", ".ModifyTime", ".Time", ".LaunchedAt", ".start_delay", ".StartDelay", ".StatusUpdatedAt",
}

// spans are durations that are random, too, and of which nothing else depends.
var spans = regexp.MustCompile(`\b\d+\.\d+s\b`)

// replaced returns a text of the recordings with the IDs that stand for those in it.
func (c *comparison) replaced(text string) string {
	return random.ReplaceAllStringFunc(text, func(id string) string {
		if known, ok := c.ids[id]; ok {
			return known
		}
		return id
	})
}

// compare returns how an answer differs from what was recorded, and takes note of IDs.
func (c *comparison) compare(path string, want, got any) []difference {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return c.object(path, w, g)
		}
	case []any:
		if g, ok := got.([]any); ok {
			return c.list(path, w, g)
		}
	case string:
		if g, ok := got.(string); ok {
			return c.text(path, w, g)
		}
	case json.Number:
		if g, ok := got.(json.Number); ok {
			return number(path, w, g)
		}
	default:
		if want == got {
			return nil
		}
	}
	return []difference{{path, fmt.Sprintf("want %s, got %s", brief(want), brief(got))}}
}

func (c *comparison) object(path string, want, got map[string]any) []difference {
	var out []difference
	c.learnKeys(want, got)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		at := path + "." + key
		if value, ok := got[c.replaced(key)]; ok {
			out = append(out, c.compare(at, want[key], value)...)
		} else {
			out = append(out, difference{at, "is missing; it was " + brief(want[key])})
		}
	}
	known := make(map[string]bool, len(want))
	for key := range want {
		known[c.replaced(key)] = true
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if !known[key] {
			out = append(out, difference{path + "." + key, "was not recorded; it is " + brief(got[key])})
		}
	}
	return out
}

// learnKeys learns which key stands for a recorded one that has a new value every time,
// if there is only one that it can be.
func (c *comparison) learnKeys(want, got map[string]any) {
	for key := range want {
		if _, known := c.ids[key]; known || random.FindString(key) != key || key == "" {
			continue
		}
		var like []string
		for other := range got {
			if random.FindString(other) == other {
				like = append(like, other)
			}
		}
		if len(like) == 1 {
			c.ids[key] = like[0]
		}
	}
}

// list compares lists. Elements that are objects are ordered by random IDs: each goes
// with the one that it is most like.
func (c *comparison) list(path string, want, got []any) []difference {
	if len(want) != len(got) {
		return []difference{{path, fmt.Sprintf("has %d elements instead of %d: %s", len(got), len(want), brief(got))}}
	}
	var out []difference
	left := slices.Clone(got)
	for i, w := range want {
		best, cost := 0, math.MaxInt
		if _, object := w.(map[string]any); object {
			for n, g := range left {
				if k := len(c.trial().compare(path, w, g)); k < cost {
					best, cost = n, k
				}
			}
		}
		out = append(out, c.compare(fmt.Sprintf("%s[%d]", path, i), w, left[best])...)
		left = slices.Delete(left, best, best+1)
	}
	return out
}

// trial returns a comparison that knows the same and learns for itself.
func (c *comparison) trial() *comparison { return &comparison{ids: maps.Clone(c.ids)} }

func (c *comparison) text(path, want, got string) []difference {
	if want == got || varies(path) || spans.ReplaceAllString(want, "SPAN") == spans.ReplaceAllString(got, "SPAN") {
		return nil
	}
	wanted, found := random.FindAllString(want, -1), random.FindAllString(got, -1)
	if len(wanted) == len(found) && random.ReplaceAllString(want, "ID") == random.ReplaceAllString(got, "ID") {
		for i, id := range wanted {
			if known, ok := c.ids[id]; ok && known != found[i] {
				return []difference{{path, fmt.Sprintf("is %s, but what was the same ID is %s elsewhere", found[i], known)}}
			}
			c.ids[id] = found[i]
		}
		return nil
	}
	if isTime(want) && isTime(got) {
		return nil
	}
	return []difference{{path, fmt.Sprintf("want %q, got %q", want, got)}}
}

func isTime(s string) bool {
	t, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && !t.IsZero()
}

// moments is where numbers begin that are Unix seconds, milliseconds or nanoseconds.
const moments = 1_500_000_000

func number(path string, want, got json.Number) []difference {
	w, errW := want.Float64()
	g, errG := got.Float64()
	switch {
	case errW == nil && errG == nil && w == g:
		return nil
	case varies(path) && (w == 0) == (g == 0):
		return nil
	case w > moments && g > moments:
		return nil
	}
	return []difference{{path, fmt.Sprintf("want %s, got %s", want, got)}}
}

func varies(path string) bool {
	return slices.ContainsFunc(varying, func(end string) bool { return strings.HasSuffix(path, end) })
}

// brief shows a value in a message.
func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	const enough = 200
	if len(b) > enough {
		return string(b[:enough]) + "…"
	}
	return string(b)
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
