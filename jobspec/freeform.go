package jobspec

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"

	"github.com/droverhq/drover/api"
)

// setFreeForm sets a field from a block whose names somebody else knows: the
// environment, a driver's config, meta.
func (d *decoder) setFreeForm(field reflect.Value, block *sourceBlock) {
	if field.Type() == valuesType {
		field.Set(reflect.ValueOf(api.Values(d.freeForm(block))))
		return
	}
	out := reflect.MakeMap(field.Type())
	content, diagnostics := block.body.JustAttributes()
	d.add(diagnostics)
	for _, attribute := range inOrder(content) {
		a, ok := d.evaluate(attribute, block.ctx)
		if !ok {
			continue
		}
		element := reflect.New(field.Type().Elem()).Elem()
		d.setField(element, a)
		out.SetMapIndex(reflect.ValueOf(a.name), element)
	}
	field.Set(out)
}

// freeForm returns the attributes and blocks of a body as a map. Blocks become
// lists of maps, as there may be several; a label becomes a map around.
func (d *decoder) freeForm(block *sourceBlock) map[string]any {
	d.budget.at = block.at
	d.budget.spend(blockWork)
	out := map[string]any{}
	s := &hcl.BodySchema{}
	for name := range block.body.Attributes {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: name})
	}
	labels := map[string]int{dynamicBlock: 1}
	for _, inner := range block.body.Blocks {
		if _, known := labels[inner.Type]; !known {
			labels[inner.Type] = len(inner.Labels)
		}
	}
	for kind, n := range labels {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: kind, LabelNames: make([]string, n)})
	}
	content, diagnostics := block.body.Content(s)
	d.add(diagnostics)
	for _, attribute := range inOrder(content.Attributes) {
		if a, ok := d.evaluate(attribute, block.ctx); ok {
			out[a.name] = plainValue(a.value)
		}
	}
	for _, inner := range d.expand(block, content.Blocks) {
		list, isList := out[inner.kind].([]any)
		if _, taken := out[inner.kind]; taken && !isList {
			d.errorf(inner.at, "Duplicate "+inner.kind, "%q is both an argument and a block.", inner.kind)
			continue
		}
		var element any = d.freeForm(inner)
		for i := len(inner.labels) - 1; i >= 0; i-- {
			element = map[string]any{inner.labels[i]: []any{element}}
		}
		out[inner.kind] = append(list, element)
	}
	return out
}
