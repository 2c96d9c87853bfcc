package kindspec

import (
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/droverhq/drover/api"
)

// Shape returns a spec that was read from HCL as the schema wants it. There a block is
// one of a list, and its labels are objects around it; where the schema wants an object
// and no list, what the list has becomes one object. Where it says neither, a list stays
// a list.
func (s *Schema) Shape(spec api.Values) (api.Values, error) {
	out, err := shapeMap(s.root, spec, "spec")
	if err != nil {
		return nil, err
	}
	return out, nil
}

func shapeMap(s *jsonschema.Schema, m map[string]any, at string) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for name, value := range m {
		shaped, err := shape(member(s, name), value, at+"."+name)
		if err != nil {
			return nil, err
		}
		out[name] = shaped
	}
	return out, nil
}

func shape(s *jsonschema.Schema, value any, at string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		return shapeMap(s, v, at)
	case []any:
		if wantsObject(s) {
			one, err := merge(v, at)
			if err != nil || one == nil {
				return v, err
			}
			return shapeMap(s, one, at)
		}
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = shape(item(s), v[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// merge puts the blocks of a list together; it is nil if they are no blocks.
func merge(blocks []any, at string) (map[string]any, error) {
	out := map[string]any{}
	for _, b := range blocks {
		m, ok := b.(map[string]any)
		if !ok {
			return nil, nil
		}
		for name, value := range m {
			if _, twice := out[name]; twice {
				return nil, fmt.Errorf("%s.%s is given twice, but may be given once only", at, name)
			}
			out[name] = value
		}
	}
	return out, nil
}

// parts are the schemas that a value must pass because it must pass this one.
func parts(s *jsonschema.Schema, seen []*jsonschema.Schema) []*jsonschema.Schema {
	if s == nil || slices.Contains(seen, s) {
		return seen
	}
	seen = append(seen, s)
	seen = parts(s.Ref, seen)
	for _, all := range s.AllOf {
		seen = parts(all, seen)
	}
	return seen
}

// wantsObject reports whether the schema allows an object and no list.
func wantsObject(s *jsonschema.Schema) bool {
	for _, p := range parts(s, nil) {
		if p.Types != nil {
			types := p.Types.ToStrings()
			return slices.Contains(types, "object") && !slices.Contains(types, "array")
		}
	}
	return false
}

// member is the schema of a member of an object; nil if nothing is said of it.
func member(s *jsonschema.Schema, name string) *jsonschema.Schema {
	all := parts(s, nil)
	for _, p := range all {
		if found, ok := p.Properties[name]; ok {
			return found
		}
		for pattern, found := range p.PatternProperties {
			if pattern.MatchString(name) {
				return found
			}
		}
	}
	for _, p := range all {
		if found, ok := p.AdditionalProperties.(*jsonschema.Schema); ok {
			return found
		}
	}
	return nil
}

// item is the schema of the elements of a list; nil if nothing is said of them.
func item(s *jsonschema.Schema) *jsonschema.Schema {
	for _, p := range parts(s, nil) {
		if p.Items2020 != nil {
			return p.Items2020
		}
		if found, ok := p.Items.(*jsonschema.Schema); ok {
			return found
		}
	}
	return nil
}
