package jobspec

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// locals returns the values of all locals as one object. They may refer to each
// other in any order, but not in a circle.
func (d *decoder) locals(blocks hcl.Blocks, functions evalFunctions, variables cty.Value) cty.Value {
	waiting := map[string]*hcl.Attribute{}
	for _, block := range blocks.OfType("locals") {
		attributes, diagnostics := block.Body.JustAttributes()
		d.add(diagnostics)
		for _, attribute := range inOrder(attributes) {
			if other := waiting[attribute.Name]; other != nil {
				d.errorf(attribute.NameRange, "Duplicate local", "Another local %q was defined at %s.", attribute.Name, other.NameRange)
				continue
			}
			waiting[attribute.Name] = attribute
		}
	}
	evaluation := &localEvaluation{
		all: waiting, needs: localNeeds(waiting), values: map[string]cty.Value{},
		functions: functions, variables: variables,
	}
	for _, attribute := range inOrder(waiting) {
		d.evaluateLocal(attribute, evaluation, nil)
	}
	return cty.ObjectVal(evaluation.values)
}

// localEvaluation is locals on their way to values.
type localEvaluation struct {
	all       hcl.Attributes
	needs     map[string]need
	values    map[string]cty.Value // what is done
	functions evalFunctions
	variables cty.Value
}

// need is which locals a local refers to.
type need struct {
	names []string
	// whole says that it refers to all of them, or to one that is not there.
	whole bool
}

func localNeeds(locals hcl.Attributes) map[string]need {
	needs := map[string]need{}
	for name, attribute := range locals {
		var n need
		for _, reference := range attribute.Expr.Variables() {
			if reference.RootName() != "local" {
				continue
			}
			var step hcl.TraverseAttr
			if len(reference) > 1 {
				step, _ = reference[1].(hcl.TraverseAttr)
			}
			if _, exists := locals[step.Name]; !exists {
				n.whole = true
			} else if !slices.Contains(n.names, step.Name) {
				n.names = append(n.names, step.Name)
			}
		}
		needs[name] = n
	}
	return needs
}

// maxLocalChain bounds how many locals may need one another in a row.
const maxLocalChain = 500

// evaluateLocal evaluates a local after those that it needs. The path is what
// needs it.
func (d *decoder) evaluateLocal(attribute *hcl.Attribute, e *localEvaluation, path []string) {
	name := attribute.Name
	if _, done := e.values[name]; done {
		return
	}
	if i := slices.Index(path, name); i >= 0 {
		d.errorf(attribute.NameRange, "Locals in a circle", "A local must not need itself: %s.", strings.Join(append(path[i:], name), " → "))
		e.values[name] = cty.DynamicVal
		return
	}
	if len(path) > maxLocalChain {
		d.errorf(attribute.NameRange, "Too many locals in a row", "At most %d locals may need one another in a row.", maxLocalChain)
		e.values[name] = cty.DynamicVal
		return
	}
	for _, other := range e.needs[name].names {
		d.evaluateLocal(e.all[other], e, append(path, name))
	}
	if _, done := e.values[name]; done { // it was part of a circle
		return
	}
	value, diagnostics := attribute.Expr.Value(&hcl.EvalContext{
		Functions: e.functions,
		Variables: map[string]cty.Value{"var": e.variables, "local": d.neededLocals(attribute, e)},
	})
	d.add(diagnostics)
	if diagnostics.HasErrors() {
		value = cty.DynamicVal
	}
	e.values[name] = value
}

// neededLocals returns an object with what a local refers to.
func (d *decoder) neededLocals(attribute *hcl.Attribute, e *localEvaluation) cty.Value {
	n := e.needs[attribute.Name]
	d.budget.at = attribute.Range
	if n.whole {
		d.budget.spend(int64(len(e.values)))
		return cty.ObjectVal(e.values)
	}
	some := make(map[string]cty.Value, len(n.names))
	for _, name := range n.names {
		some[name] = e.values[name]
	}
	d.budget.spend(int64(len(some)))
	return cty.ObjectVal(some)
}
