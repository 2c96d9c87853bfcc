package jobspec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// variable is an input of a job: a variable block, or an attribute of the
// variables block.
type variable struct {
	name        string
	typ         cty.Type // DynamicPseudoType: whatever the value is
	defaults    *typeexpr.Defaults
	value       cty.Value // NilVal: not set yet
	valueAt     hcl.Range
	validations []*hcl.Block
	at          hcl.Range
}

var variableSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
}

var validationSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "condition", Required: true}, {Name: "error_message", Required: true}},
}

// variables returns the values of all variables as one object. A variable without
// a value is noted, and unknown, so that the rest can still be checked.
func (d *decoder) variables(blocks hcl.Blocks, functions evalFunctions, options ParseOptions) cty.Value {
	ctx := &hcl.EvalContext{Functions: functions}
	declared := d.declaredVariables(blocks, ctx)
	d.assignEnvs(declared, options.Envs)
	if options.VarText != "" {
		d.assignFile(declared, "variables", []byte(options.VarText), options.Strict)
	}
	for _, path := range options.VarFiles {
		d.assignPath(declared, path, options)
	}
	d.assignFlags(declared, options.Vars, options.Strict)

	values := map[string]cty.Value{}
	for _, v := range declared {
		if v.value == cty.NilVal {
			d.errorf(v.at, "Unset variable", "The variable %q has no value. Give it one (-var %s=…, a -var-file or DROVER_VAR_%s), or a default.", v.name, v.name, v.name)
			v.value = cty.DynamicVal
		}
		values[v.name] = v.value
	}
	all := cty.ObjectVal(values)
	for _, v := range declared {
		d.validateVariable(v, &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{"var": all}})
	}
	return all
}

func (d *decoder) declaredVariables(blocks hcl.Blocks, ctx *hcl.EvalContext) []*variable {
	var declared []*variable
	declare := func(v *variable) {
		d.budget.at = v.at
		d.budget.spend(blockWork + int64(len(declared)/4)) // others are searched for its name
		if other := find(declared, v.name); other != nil {
			d.errorf(v.at, "Duplicate variable", "Another variable %q was declared at %s.", v.name, other.at)
			return
		}
		declared = append(declared, v)
	}
	for _, block := range blocks {
		switch block.Type {
		case "variable":
			declare(d.variableBlock(block, ctx))
		case "variables":
			attributes, diagnostics := block.Body.JustAttributes()
			d.add(diagnostics)
			for _, attribute := range inOrder(attributes) {
				v := &variable{name: attribute.Name, typ: cty.DynamicPseudoType, at: attribute.NameRange}
				if a, ok := d.evaluate(attribute, ctx); ok {
					v.typ, v.value = a.value.Type(), a.value
				}
				declare(v)
			}
		}
	}
	return declared
}

func (d *decoder) variableBlock(block *hcl.Block, ctx *hcl.EvalContext) *variable {
	v := &variable{name: block.Labels[0], typ: cty.DynamicPseudoType, at: block.DefRange}
	if !hclsyntax.ValidIdentifier(v.name) {
		d.errorf(block.LabelRanges[0], "Invalid variable name", "%q can't be the name of a variable: it would not be valid in var.NAME.", v.name)
	}
	content, diagnostics := block.Body.Content(variableSchema)
	d.add(diagnostics)
	v.validations = content.Blocks
	if attribute := content.Attributes["type"]; attribute != nil {
		typ, defaults, diagnostics := typeexpr.TypeConstraintWithDefaults(attribute.Expr)
		d.add(diagnostics)
		if !diagnostics.HasErrors() {
			v.typ, v.defaults = typ, defaults
		}
	}
	attribute := content.Attributes["default"]
	if attribute == nil {
		return v
	}
	value, diagnostics := attribute.Expr.Value(ctx)
	d.add(diagnostics)
	if diagnostics.HasErrors() {
		v.value = cty.DynamicVal
		return v
	}
	if v.typ == cty.DynamicPseudoType && content.Attributes["type"] == nil && !value.IsNull() {
		v.typ = value.Type()
	}
	d.assign(v, value, attribute.Expr.Range())
	return v
}

// assign gives a variable a value, converted to its type.
func (d *decoder) assign(v *variable, value cty.Value, at hcl.Range) {
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	converted, err := convert.Convert(value, v.typ)
	if err != nil {
		d.errorf(at, "Invalid value for variable", "The value of the variable %q does not fit its type: %s.", v.name, err)
		v.value = cty.DynamicVal
		return
	}
	v.value, v.valueAt = converted, at
}

func find(declared []*variable, name string) *variable {
	for _, v := range declared {
		if v.name == name {
			return v
		}
	}
	return nil
}

// envPrefixes are the beginnings of environment variables that set variables, in
// rising precedence.
var envPrefixes = []string{"NOMAD_VAR_", "DROVER_VAR_"}

func (d *decoder) assignEnvs(declared []*variable, envs []string) {
	for _, prefix := range envPrefixes {
		for _, env := range envs {
			name, text, ok := strings.Cut(env, "=")
			if !ok || !strings.HasPrefix(name, prefix) {
				continue
			}
			if v := find(declared, strings.TrimPrefix(name, prefix)); v != nil {
				d.assignText(v, text, name)
			}
		}
	}
}

func (d *decoder) assignFlags(declared []*variable, flags []string, strict bool) {
	for _, flag := range flags {
		name, text, ok := strings.Cut(flag, "=")
		if !ok {
			d.errorf(startOf("-var"), "Invalid -var", "Write -var NAME=VALUE; %q has no =.", flag)
			continue
		}
		if v := find(declared, name); v != nil {
			d.assignText(v, text, "-var "+name)
		} else if strict {
			d.undeclared(name, startOf("-var "+name), declared)
		}
	}
}

func (d *decoder) undeclared(name string, at hcl.Range, declared []*variable) {
	d.budget.at = at
	d.budget.spend(int64(4 * len(declared))) // names are compared letter by letter
	var names []string
	for _, v := range declared {
		names = append(names, v.name)
	}
	d.errorf(at, "Undeclared variable", "There is no variable %q in this job.%s To declare it, add: variable %q {}.", name, suggest(name, names), name)
}

// assignText gives a variable the value that a text stands for: the text itself
// if the variable may be a string, otherwise an expression.
func (d *decoder) assignText(v *variable, text, origin string) {
	if len(text) > MaxSourceBytes {
		d.errorf(startOf(origin), "Text too large", "A value may have %d bytes.", MaxSourceBytes)
		return
	}
	if v.typ.IsPrimitiveType() || v.typ == cty.DynamicPseudoType {
		d.assign(v, cty.StringVal(text), startOf(origin))
		return
	}
	if diagnostics := checkTokens(origin, []byte(text)); diagnostics.HasErrors() {
		d.add(diagnostics)
		return
	}
	expression, diagnostics := hclsyntax.ParseExpression([]byte(text), origin, hcl.InitialPos)
	d.add(diagnostics)
	if diagnostics.HasErrors() {
		return
	}
	value, diagnostics := meterer{d.budget, []byte(text)}.wrap(expression).Value(&hcl.EvalContext{})
	d.add(diagnostics)
	if !diagnostics.HasErrors() {
		d.assign(v, value, startOf(origin))
	}
}

func (d *decoder) assignPath(declared []*variable, path string, options ParseOptions) {
	if !options.AllowFS {
		d.errorf(startOf(path), "Files are not read here", "Pass the contents of variable files instead of their names.")
		return
	}
	body, err := os.ReadFile(path)
	if err != nil {
		d.errorf(startOf(path), "Unreadable variable file", "%s.", err)
		return
	}
	d.assignFile(declared, path, body, options.Strict)
}

// assignFile gives variables the values of a file.
func (d *decoder) assignFile(declared []*variable, path string, body []byte, strict bool) {
	values, at, ok := d.fileValues(path, body)
	if !ok {
		return
	}
	for name, value := range values {
		if v := find(declared, name); v != nil {
			d.assign(v, value, at[name])
		} else if strict {
			d.undeclared(name, at[name], declared)
		}
	}
}

func (d *decoder) fileValues(path string, body []byte) (map[string]cty.Value, map[string]hcl.Range, bool) {
	if diagnostics := checkSource(path, body); diagnostics.HasErrors() {
		d.add(diagnostics)
		return nil, nil, false
	}
	values, at := map[string]cty.Value{}, map[string]hcl.Range{}
	if isJSON(body) || filepath.Ext(path) == ".json" {
		object, err := decodeJSONValue(body)
		if err != nil {
			d.errorf(startOf(path), "Invalid JSON", "%s.", err)
			return nil, nil, false
		}
		for name, value := range object.AsValueMap() {
			values[name], at[name] = value, startOf(path)
		}
		return values, at, true
	}
	if diagnostics := checkTokens(path, body); diagnostics.HasErrors() {
		d.add(diagnostics)
		return nil, nil, false
	}
	file, diagnostics := hclsyntax.ParseConfig(body, path, hcl.InitialPos)
	d.add(diagnostics)
	if diagnostics.HasErrors() {
		return nil, nil, false
	}
	if native, ok := file.Body.(*hclsyntax.Body); ok {
		meter(native, d.budget, body)
	}
	attributes, diagnostics := file.Body.JustAttributes()
	d.add(diagnostics)
	for name, attribute := range attributes {
		value, diagnostics := attribute.Expr.Value(&hcl.EvalContext{})
		d.add(diagnostics)
		if !diagnostics.HasErrors() {
			values[name], at[name] = value, attribute.Expr.Range()
		}
	}
	return values, at, true
}

// decodeJSONValue reads a JSON object as a value.
func decodeJSONValue(body []byte) (cty.Value, error) {
	if err := checkJSONNesting(body); err != nil {
		return cty.NilVal, err
	}
	typ, err := ctyjson.ImpliedType(body)
	if err != nil {
		return cty.NilVal, err
	}
	if !typ.IsObjectType() {
		return cty.NilVal, fmt.Errorf("an object is required")
	}
	return ctyjson.Unmarshal(body, typ)
}

// validateVariable checks the conditions that a variable declares.
func (d *decoder) validateVariable(v *variable, ctx *hcl.EvalContext) {
	for _, block := range v.validations {
		content, diagnostics := block.Body.Content(validationSchema)
		d.add(diagnostics)
		if diagnostics.HasErrors() || !v.value.IsWhollyKnown() {
			continue
		}
		condition, ok := d.evaluate(content.Attributes["condition"], ctx)
		if !ok {
			continue
		}
		holds, err := convert.Convert(condition.value, cty.Bool)
		if err != nil {
			d.errorf(condition.at, "Invalid condition", "A condition is true or false: %s.", err)
			continue
		}
		if holds.True() {
			continue
		}
		message := "The value does not meet the condition."
		if text, ok := d.evaluate(content.Attributes["error_message"], ctx); ok && text.value.Type() == cty.String {
			message = text.value.AsString()
		}
		at := v.valueAt
		if at.Filename == "" {
			at = v.at
		}
		d.errorf(at, "Invalid value for variable", "Variable %q: %s (by the condition at %s)", v.name, message, condition.at)
	}
}
