package table

const (
	// maxInterned is how many strings an interner remembers before it starts over:
	// some 4 MB at most, per kind.
	maxInterned = 1 << 15
	// maxInternedLen is the longest string worth looking up: names, identifiers and
	// short sentences.
	maxInternedLen = 128
)

// interner returns one copy of equal strings. It forgets: strings of objects that are
// written close together share, which is what matters for objects by the million.
type interner struct{ seen map[string]string }

// strings replaces each string by the copy that was seen first.
func (in *interner) strings(fields ...*string) {
	for _, f := range fields {
		if *f == "" || len(*f) > maxInternedLen {
			continue
		}
		if same, ok := in.seen[*f]; ok {
			*f = same
			continue
		}
		if in.seen == nil || len(in.seen) >= maxInterned {
			in.seen = make(map[string]string)
		}
		in.seen[*f] = *f
	}
}
