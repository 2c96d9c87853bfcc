package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// dynamicBlock is the block that makes others, one for each element of a value.
const dynamicBlock = "dynamic"

var dynamicSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each", Required: true}, {Name: "iterator"}, {Name: "labels"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
}

// expand returns the blocks of a body with its dynamic blocks replaced by what
// they make.
func (d *decoder) expand(outer *sourceBlock, blocks hcl.Blocks) []*sourceBlock {
	var out []*sourceBlock
	for _, block := range blocks {
		body, ok := block.Body.(*hclsyntax.Body)
		if !ok {
			d.errorf(block.DefRange, "Unsupported syntax", "This block is not in HCL's native syntax.")
			continue
		}
		b := &sourceBlock{kind: block.Type, labels: block.Labels, body: body, ctx: outer.ctx, at: block.DefRange}
		if block.Type == dynamicBlock {
			out = append(out, d.expandDynamic(b)...)
			continue
		}
		out = append(out, b)
	}
	return out
}

func (d *decoder) expandDynamic(block *sourceBlock) []*sourceBlock {
	content, diagnostics := block.body.Content(dynamicSchema)
	d.add(diagnostics)
	if diagnostics.HasErrors() {
		return nil
	}
	if len(content.Blocks) != 1 {
		d.errorf(block.at, "Wrong number of content blocks", "A dynamic block has one content block.")
		return nil
	}
	iterator := block.labels[0]
	if attribute := content.Attributes["iterator"]; attribute != nil {
		if iterator = hcl.ExprAsKeyword(attribute.Expr); iterator == "" {
			d.errorf(attribute.Expr.Range(), "Invalid iterator", "The iterator is a name, without quotes.")
			return nil
		}
	}
	each, ok := d.evaluate(content.Attributes["for_each"], block.ctx)
	if !ok {
		return nil
	}
	if !each.value.CanIterateElements() {
		d.errorf(each.at, "Invalid for_each", "A block is made for each element of a list, set, map or object; this is a %s.", each.value.Type().FriendlyName())
		return nil
	}
	var out []*sourceBlock
	for it := each.value.ElementIterator(); it.Next(); {
		d.budget.at = each.at
		d.budget.spend(1)
		key, value := it.Element()
		if each.value.Type().IsSetType() {
			key = value
		}
		ctx := block.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{iterator: cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		labels, ok := d.dynamicLabels(content.Attributes["labels"], ctx)
		if !ok {
			return out
		}
		body, ok := content.Blocks[0].Body.(*hclsyntax.Body)
		if !ok {
			return out
		}
		out = append(out, &sourceBlock{kind: block.labels[0], labels: labels, body: body, ctx: ctx, at: block.at})
	}
	return out
}

func (d *decoder) dynamicLabels(attribute *hcl.Attribute, ctx *hcl.EvalContext) ([]string, bool) {
	if attribute == nil {
		return nil, true
	}
	a, ok := d.evaluate(attribute, ctx)
	if !ok {
		return nil, false
	}
	list, err := convert.Convert(a.value, cty.List(cty.String))
	if err != nil {
		d.errorf(a.at, "Invalid labels", "The labels are a list of strings: %s.", err)
		return nil, false
	}
	var labels []string
	for _, label := range list.AsValueSlice() {
		if label.IsNull() {
			d.errorf(a.at, "Invalid labels", "A label must not be null.")
			return nil, false
		}
		labels = append(labels, label.AsString())
	}
	return labels, true
}
