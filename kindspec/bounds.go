package kindspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/droverhq/drover/api"
)

// A schema comes from anybody, and a few lines of one can ask for more work than any
// server has: parts that refer twice to parts that refer twice to others. So what a
// check would cost is counted first, which is quick, as every part of a schema is looked
// at once for every part of a spec.

const (
	maxSchemaBytes = 256 << 10 // as JSON
	maxSchemaDepth = 64        // lists and objects within each other
	maxEffort      = 200_000   // steps of one check: a part of a schema held against a part of a spec
)

// checkSize says whether a schema is small enough to be compiled.
func checkSize(schema api.Values) error {
	if depthOf(map[string]any(schema), maxSchemaDepth) > maxSchemaDepth {
		return fmt.Errorf("it is more than %d levels deep: name parts in $defs and refer to them", maxSchemaDepth)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if len(text) > maxSchemaBytes {
		return fmt.Errorf("it has %d bytes; it may have %d", len(text), maxSchemaBytes)
	}
	return nil
}

// depthOf returns how many lists and objects are within each other. It looks no deeper
// than one level more than most.
func depthOf(v any, most int) int {
	deepest := 0
	if most < 0 {
		return deepest
	}
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			deepest = max(deepest, 1+depthOf(member, most-1))
		}
	case []any:
		for _, element := range v {
			deepest = max(deepest, 1+depthOf(element, most-1))
		}
	}
	return deepest
}

// alongside are the schemas that are held against the same part of a value as one is.
func alongside(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Concat([]*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	out = slices.AppendSeq(out, maps.Values(s.DependentSchemas))
	for _, d := range s.Dependencies {
		out = appendSchemas(out, d)
	}
	return slices.DeleteFunc(out, func(s *jsonschema.Schema) bool { return s == nil })
}

// ofElement are the schemas that are held against an element of a list.
func ofElement(s *jsonschema.Schema, at int) []*jsonschema.Schema {
	out := []*jsonschema.Schema{s.Items2020, s.Contains, s.UnevaluatedItems}
	if at < len(s.PrefixItems) {
		out = append(out, s.PrefixItems[at])
	}
	if each, ok := s.Items.([]*jsonschema.Schema); ok && at < len(each) {
		out = append(out, each[at])
	} else {
		out = appendSchemas(out, s.Items, s.AdditionalItems)
	}
	return slices.DeleteFunc(out, func(s *jsonschema.Schema) bool { return s == nil })
}

// ofMember are the schemas that may be held against a member of an object.
func ofMember(s *jsonschema.Schema, name string) []*jsonschema.Schema {
	out := []*jsonschema.Schema{s.Properties[name], s.PropertyNames, s.UnevaluatedProperties}
	out = slices.AppendSeq(out, maps.Values(s.PatternProperties))
	out = appendSchemas(out, s.AdditionalProperties)
	return slices.DeleteFunc(out, func(s *jsonschema.Schema) bool { return s == nil })
}

// appendSchemas appends those of some keywords' values that are schemas.
func appendSchemas(out []*jsonschema.Schema, values ...any) []*jsonschema.Schema {
	for _, v := range values {
		switch v := v.(type) {
		case *jsonschema.Schema:
			out = append(out, v)
		case []*jsonschema.Schema:
			out = append(out, v...)
		}
	}
	return out
}

// within are all the schemas that one is made of at the next level.
func within(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Concat(alongside(s), ofElement(s, len(s.PrefixItems)), ofMember(s, ""), s.PrefixItems)
	out = appendSchemas(out, s.Items)
	return slices.AppendSeq(out, maps.Values(s.Properties))
}

// checkCircles says whether a schema is one whose checks end: no part of it leads back to
// itself without going into the value.
func checkCircles(root *jsonschema.Schema) error {
	const open, done = 1, 2
	state := map[*jsonschema.Schema]int{}
	var follow func(*jsonschema.Schema) error
	follow = func(s *jsonschema.Schema) error {
		switch {
		case state[s] == done:
			return nil
		case state[s] == open:
			return fmt.Errorf("%s leads back to itself without going into the value", s.Location)
		}
		state[s] = open
		for _, next := range alongside(s) {
			if err := follow(next); err != nil {
				return err
			}
		}
		state[s] = done
		return nil
	}
	seen := map[*jsonschema.Schema]bool{root: true}
	for queue := []*jsonschema.Schema{root}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if s.DynamicRef != nil || s.RecursiveRef != nil {
			return errors.New("not supported: $dynamicRef and $recursiveRef; use $ref")
		}
		if err := follow(s); err != nil {
			return err
		}
		for _, next := range within(s) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// effort counts the steps of a check without making them.
type effort struct {
	known   map[pair]int
	counted int // how often something was counted
}

// pair is a part of a schema and a part of a value. Both are finite, so there are not
// many, while a check may come to the same pair in very many ways.
type pair struct {
	schema *jsonschema.Schema
	part   *part
}

// part is a part of a value.
type part struct {
	members  map[string]*part
	elements []*part
}

func newPart(v any) *part {
	p := &part{}
	switch v := v.(type) {
	case map[string]any:
		p.members = make(map[string]*part, len(v))
		for name, member := range v {
			p.members[name] = newPart(member)
		}
	case []any:
		for _, element := range v {
			p.elements = append(p.elements, newPart(element))
		}
	}
	return p
}

// of returns how many steps it takes to hold a part of a value against a schema, or
// more than maxEffort if it takes more.
func (e *effort) of(s *jsonschema.Schema, p *part) int {
	if e.counted++; e.counted > maxEffort {
		return maxEffort + 1
	}
	at := pair{s, p}
	if known, ok := e.known[at]; ok {
		return known
	}
	steps := 1
	add := func(schemas []*jsonschema.Schema, p *part) {
		for _, s := range schemas {
			if steps <= maxEffort {
				steps += e.of(s, p)
			}
		}
	}
	add(alongside(s), p)
	for name, member := range p.members {
		add(ofMember(s, name), member)
	}
	for i, element := range p.elements {
		add(ofElement(s, i), element)
	}
	e.known[at] = steps
	return steps
}

// tooMuch reports whether a spec is not to be held against a schema, as it would take
// too long.
func tooMuch(s *jsonschema.Schema, spec map[string]any) bool {
	e := effort{known: make(map[pair]int)}
	return e.of(s, newPart(spec)) > maxEffort
}
