package jobspec

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// A schema says what may stand in a block, and which field of the API type each
// part sets. All schemas together are the job language; docs/jobspec.md lists it,
// and a test holds the two together.
type schema struct {
	// attributes is a list of NAME or NAME=FIELD, separated by spaces. The field of
	// restart_after is RestartAfter if nothing else is said.
	attributes string
	blocks     []nested
	// sugar are further attributes, with what they do.
	sugar map[string]func(d *decoder, a *attributeValue, target reflect.Value)
	// done looks at a block once all of it is set.
	done func(d *decoder, b *sourceBlock, target reflect.Value)

	fieldOf map[string]string // by attribute
	checked *hcl.BodySchema   // what HCL itself can check
}

// define completes a schema.
func define(s schema) *schema {
	s.fieldOf = map[string]string{}
	for _, f := range s.fields() {
		s.fieldOf[f.attribute] = f.field
	}
	s.checked = s.hcl()
	return &s
}

// nested is a block inside another one.
type nested struct {
	name  string
	field string // of the outer type: pointer to a struct, slice of these, or a map
	body  *schema
	// label is the field of the inner type that the block's label sets. "-" takes a
	// label that `decode` or the key of a map uses.
	label string
	// orAttribute says that the block may also be written as an attribute with a map.
	orAttribute bool
	// decode replaces the usual way.
	decode func(d *decoder, b *sourceBlock, outer reflect.Value)
}

type fieldName struct{ attribute, field string }

// fields lists the attributes with the fields that they set.
func (s *schema) fields() []fieldName {
	var out []fieldName
	for _, item := range strings.Fields(s.attributes) {
		attribute, field, renamed := strings.Cut(item, "=")
		if !renamed {
			field = camelCase(attribute)
		}
		out = append(out, fieldName{attribute, field})
	}
	return out
}

func camelCase(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "_") {
		b.WriteString(strings.ToUpper(word[:1]))
		b.WriteString(word[1:])
	}
	return b.String()
}

// hcl returns the schema as HCL checks it. Blocks come in the order of the table,
// so that suggestions are the same each time.
func (s *schema) hcl() *hcl.BodySchema {
	out := &hcl.BodySchema{}
	for _, f := range s.fields() {
		out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: f.attribute})
	}
	for _, name := range slices.Sorted(maps.Keys(s.sugar)) {
		out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: name})
	}
	for _, n := range s.blocks {
		header := hcl.BlockHeaderSchema{Type: n.name}
		if n.label != "" {
			header.LabelNames = []string{"name"}
		}
		out.Blocks = append(out.Blocks, header)
		if n.orAttribute {
			out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: n.name})
		}
	}
	out.Blocks = append(out.Blocks, hcl.BlockHeaderSchema{Type: dynamicBlock, LabelNames: []string{"type"}})
	return out
}

func (s *schema) block(name string) (nested, bool) {
	for _, n := range s.blocks {
		if n.name == name {
			return n, true
		}
	}
	return nested{}, false
}
