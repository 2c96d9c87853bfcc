package wire

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"strings"
)

// meant is a difference that is meant.
type meant struct {
	number string // of a recording, or *
	path   string // of a place, with * for any part of it
	reason string
	maybe  bool // it hangs on who is faster
	used   bool
}

// readMeant reads the differences that are meant: lines of a number, a path and, behind
// a colon, the reason; a number with a ? before it stands for a difference that may or
// may not be there. Empty lines and those that begin with # say nothing.
func readMeant(name string) ([]*meant, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	var out []*meant
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		place, reason, ok := strings.Cut(line, ": ")
		number, where, ok2 := strings.Cut(place, " ")
		if !ok || !ok2 || reason == "" {
			return nil, fmt.Errorf("%s:%d: %q is not NUMBER PATH: REASON", name, n, line)
		}
		number, maybe := strings.CutPrefix(number, "?")
		out = append(out, &meant{number: number, path: strings.TrimSpace(where), reason: reason, maybe: maybe})
	}
	return out, lines.Err()
}

// is reports whether a difference of a recording is the one that is meant.
func (m *meant) is(number string, d difference) bool {
	if m.number != "*" && m.number != number {
		return false
	}
	// The parts of a path that * stands for may hold anything, slashes aside, of which
	// there are none.
	ok, err := path.Match(escape.Replace(m.path), d.path)
	return err == nil && ok
}

// escape keeps the brackets of a path from being taken for a pattern.
var escape = strings.NewReplacer("[", `\[`, "]", `\]`)
