package jobspec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// decoder makes API types of HCL blocks and notes what is wrong with them.
type decoder struct {
	budget      *budget
	source      []byte
	diagnostics hcl.Diagnostics
	warnings    []string
}

func (d *decoder) add(diagnostics hcl.Diagnostics) {
	d.diagnostics = append(d.diagnostics, diagnostics...)
}

func (d *decoder) errorf(at hcl.Range, summary, detail string, args ...any) {
	d.diagnostics = append(d.diagnostics, problem(at, summary, fmt.Sprintf(detail, args...)))
}

func (d *decoder) warnf(at hcl.Range, message string, args ...any) {
	d.warnings = append(d.warnings, fmt.Sprintf("%s: %s", at, fmt.Sprintf(message, args...)))
}

// sourceBlock is a block of the text, or one that a dynamic block made.
type sourceBlock struct {
	kind   string
	labels []string
	body   *hclsyntax.Body
	ctx    *hcl.EvalContext
	at     hcl.Range
}

// attributeValue is an attribute with its value.
type attributeValue struct {
	name  string
	value cty.Value
	at    hcl.Range // of the value
}

// blockWork is what a block costs, in units of the budget.
const blockWork = 20

// decodeBody fills the struct target from a block, by the schema.
func (d *decoder) decodeBody(s *schema, b *sourceBlock, target reflect.Value) {
	d.budget.at = b.at
	d.budget.spend(blockWork)
	content, diagnostics := b.body.Content(s.checked)
	d.add(diagnostics)
	for _, attribute := range inOrder(content.Attributes) {
		a, ok := d.evaluate(attribute, b.ctx)
		if !ok {
			continue
		}
		if sweeten, isSugar := s.sugar[a.name]; isSugar {
			sweeten(d, a, target)
			continue
		}
		field, isField := s.fieldOf[a.name]
		if !isField { // a block that is written as an attribute
			n, _ := s.block(a.name)
			field = n.field
		}
		d.setField(target.FieldByName(field), a)
	}
	d.decodeBlocks(s, d.expand(b, content.Blocks), content.Attributes, target)
	if s.done != nil {
		s.done(d, b, target)
	}
}

func (d *decoder) decodeBlocks(s *schema, blocks []*sourceBlock, attributes hcl.Attributes, target reflect.Value) {
	first := map[string]hcl.Range{}
	for name, attribute := range attributes {
		first[name] = attribute.Range
	}
	for _, block := range blocks {
		n, ok := s.block(block.kind)
		if !ok { // only a dynamic block gets here with a type that HCL did not check
			d.errorf(block.at, "Unsupported block type", "Blocks of type %q are not expected here.%s", block.kind, suggest(block.kind, s.blockNames()))
			continue
		}
		if n.label == "" && len(block.labels) > 0 || n.label != "" && len(block.labels) != 1 {
			d.errorf(block.at, "Wrong number of labels", "A block of type %q takes %s; this has %d.", block.kind, n.labels(), len(block.labels))
			continue
		}
		if !n.repeats(target) {
			if at, again := first[n.name]; again {
				d.errorf(block.at, "Duplicate "+n.name+" block", "Only one %s block is allowed. Another was defined at %s.", n.name, at)
				continue
			}
			first[n.name] = block.at
		}
		d.decodeNested(n, block, target)
	}
}

func (s *schema) blockNames() []string {
	var names []string
	for _, n := range s.blocks {
		names = append(names, n.name)
	}
	return names
}

func (n nested) labels() string {
	if n.label == "" {
		return "no label"
	}
	return "one label"
}

// repeats reports whether there may be several blocks of the type.
func (n nested) repeats(outer reflect.Value) bool {
	if n.decode != nil && n.field == "" {
		return true // it looks after that itself
	}
	field := outer.FieldByName(n.field)
	switch field.Kind() {
	case reflect.Slice:
		return true
	case reflect.Map:
		return n.label != ""
	}
	return false
}

// decodeNested sets the field of outer that the block stands for.
func (d *decoder) decodeNested(n nested, block *sourceBlock, outer reflect.Value) {
	if n.decode != nil {
		n.decode(d, block, outer)
		return
	}
	field := outer.FieldByName(n.field)
	if n.body == nil { // free form
		d.setFreeForm(field, block)
		return
	}
	pointer := field.Type()
	if field.Kind() != reflect.Pointer {
		pointer = pointer.Elem()
	}
	inner := reflect.New(pointer.Elem())
	if n.label != "" && n.label != "-" {
		label := inner.Elem().FieldByName(n.label)
		if label.Kind() == reflect.Pointer {
			label.Set(reflect.ValueOf(new(block.labels[0])))
		} else {
			label.SetString(block.labels[0])
		}
	}
	d.decodeBody(n.body, block, inner.Elem())
	switch field.Kind() {
	case reflect.Pointer:
		field.Set(inner)
	case reflect.Slice:
		field.Set(reflect.Append(field, inner))
	case reflect.Map:
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		key := reflect.ValueOf(block.labels[0])
		if field.MapIndex(key).IsValid() {
			d.errorf(block.at, "Duplicate "+n.name+" block", "There is another %s named %q.", n.name, block.labels[0])
			return
		}
		field.SetMapIndex(key, inner)
	}
}

// evaluate returns the value of an attribute, and false if it is null, which
// stands for nothing, or wrong, which is noted.
func (d *decoder) evaluate(attribute *hcl.Attribute, ctx *hcl.EvalContext) (*attributeValue, bool) {
	value, diagnostics := attribute.Expr.Value(ctx)
	d.add(diagnostics)
	if diagnostics.HasErrors() || value.IsNull() || !value.IsWhollyKnown() {
		return nil, false
	}
	return &attributeValue{name: attribute.Name, value: value, at: attribute.Expr.Range()}, true
}

func inOrder(attributes hcl.Attributes) []*hcl.Attribute {
	out := make([]*hcl.Attribute, 0, len(attributes))
	for _, attribute := range attributes {
		out = append(out, attribute)
	}
	slices.SortFunc(out, func(a, b *hcl.Attribute) int { return cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte) })
	return out
}

// suggest names the known word that is nearest to a wrong one, if one is near.
func suggest(wrong string, known []string) string {
	best, distance := "", 3
	for _, word := range known {
		if n := levenshtein.Distance(wrong, word, nil); n < distance {
			best, distance = word, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
