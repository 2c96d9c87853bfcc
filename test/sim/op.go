package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is one step of a history: what a user, a node, a task, a server or time does. Its
// text, which a script has a line of, is the verb, the arguments and the seed:
//
//	apply s1 count=3 run=crash:5s ~8f3a
//
// Everything that happens by chance because of it, up to the next op, follows from its
// seed alone, so that an op can be taken out of a history without changing the others.
type Op struct {
	Verb string
	Args []string
	Seed uint64
}

// String returns the text of the op.
func (o Op) String() string {
	words := append([]string{o.Verb}, o.Args...)
	if o.Seed != 0 {
		words = append(words, "~"+strconv.FormatUint(o.Seed, 16))
	}
	return strings.Join(words, " ")
}

// ParseOp reads the text of an op.
func ParseOp(line string) (Op, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return Op{}, fmt.Errorf("an empty line is no op")
	}
	o := Op{Verb: words[0], Args: words[1:]}
	if last := len(words) - 1; strings.HasPrefix(words[last], "~") {
		seed, err := strconv.ParseUint(words[last][1:], 16, 64)
		if err != nil {
			return Op{}, fmt.Errorf("%s: seed %s: %w", o.Verb, words[last], err)
		}
		o.Seed, o.Args = seed, words[1:last]
	}
	if _, ok := verbs()[o.Verb]; !ok {
		return Op{}, fmt.Errorf("there is no op %q", o.Verb)
	}
	return o, nil
}

// ParseHistory reads a history: an op in each line. Lines that begin with # are notes.
func ParseHistory(text string) ([]Op, error) {
	var out []Op
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		o, err := ParseOp(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// target returns the first argument, or "".
func (o Op) target() string {
	if len(o.Args) == 0 {
		return ""
	}
	return o.Args[0]
}

// value returns the value of the argument key=value, or "".
func (o Op) value(key string) string {
	for _, a := range o.Args {
		if k, v, ok := strings.Cut(a, "="); ok && k == key {
			return v
		}
	}
	return ""
}

// has reports whether a word is among the arguments.
func (o Op) has(word string) bool {
	for _, a := range o.Args {
		if a == word {
			return true
		}
	}
	return false
}
