package env

import "strings"

// Replace returns s with every ${…} that is known replaced.
func (v *Vars) Replace(s string) string {
	if !strings.Contains(s, "${") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		ref, after, closed := strings.Cut(rest, "}")
		value, known := v.lookup(ref)
		if !closed || !known {
			b.WriteString("${") // what follows may hold another reference
			s = rest
			continue
		}
		b.WriteString(value)
		s = after
	}
}

func (v *Vars) lookup(ref string) (string, bool) {
	ref = strings.TrimSpace(ref)
	if name, ok := strings.CutPrefix(ref, `env["`); ok {
		if name, ok = strings.CutSuffix(name, `"]`); ok {
			value, known := v.env[name]
			return value, known
		}
	}
	if name, ok := strings.CutPrefix(ref, "env."); ok {
		if value, known := v.env[name]; known {
			return value, true
		}
	}
	if value, known := v.node[ref]; known {
		return value, true
	}
	value, known := v.env[ref]
	return value, known
}

// ReplaceAny returns a deep copy of what a jobspec's block can hold (maps, lists,
// strings and other values), with Replace done on every string and key.
func (v *Vars) ReplaceAny(x any) any {
	switch x := x.(type) {
	case string:
		return v.Replace(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = v.ReplaceAny(x[i])
		}
		return out
	case []string:
		return v.ReplaceAll(x)
	case map[string]string:
		return v.ReplaceTexts(x)
	case map[string]any:
		return v.ReplaceMap(x)
	case []map[string]any:
		out := make([]map[string]any, len(x))
		for i := range x {
			out[i] = v.ReplaceMap(x[i])
		}
		return out
	}
	return x
}

// ReplaceMap is ReplaceAny for a block.
func (v *Vars) ReplaceMap(x map[string]any) map[string]any {
	if x == nil {
		return nil
	}
	out := make(map[string]any, len(x))
	for k, val := range x {
		out[v.Replace(k)] = v.ReplaceAny(val)
	}
	return out
}

// ReplaceTexts is Replace for names and values.
func (v *Vars) ReplaceTexts(x map[string]string) map[string]string {
	out := make(map[string]string, len(x))
	for name, value := range x {
		out[v.Replace(name)] = v.Replace(value)
	}
	return out
}

// ReplaceAll is Replace for a list.
func (v *Vars) ReplaceAll(x []string) []string {
	out := make([]string, len(x))
	for i := range x {
		out[i] = v.Replace(x[i])
	}
	return out
}
