package jobspec

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/droverhq/drover/api"
)

// Manifest is what a text says that is of author-defined kinds.
type Manifest struct {
	Definitions []*api.KindDefinition
	Resources   []*api.Resource
	// Blocks says that the specs were read from HCL: a block in them is a list with one
	// element, until the schema of the kind says otherwise (package kindspec, Shape).
	Blocks bool
}

// The blocks of a manifest.
const (
	definitionBlock = "kind_definition"
	resourceBlock   = "kind"
)

// HoldsKinds reports whether a text is a manifest and no job: HCL with kind or
// kind_definition blocks, or JSON as `drover get -json` prints it. Of a text that can't be
// read it is false.
func HoldsKinds(body []byte) bool {
	if isJSON(body) {
		var one struct{ Kind, Name, Schema any }
		return json.Unmarshal(body, &one) == nil && one.Name != nil && (one.Kind != nil || one.Schema != nil)
	}
	if len(body) > MaxSourceBytes || checkTokens("", body).HasErrors() {
		return false
	}
	file, _ := hclsyntax.ParseConfig(body, "", hcl.InitialPos) // whoever parses it in earnest tells of errors
	root, ok := file.Body.(*hclsyntax.Body)
	return ok && slices.ContainsFunc(root.Blocks, func(b *hclsyntax.Block) bool {
		return b.Type == definitionBlock || b.Type == resourceBlock
	})
}

// ParseManifest reads definitions of kinds, and objects of them. Its limits and its
// errors are those of Parse.
func ParseManifest(options ParseOptions) (m *Manifest, err error) {
	if options.Path == "" {
		options.Path = "input.hcl"
	}
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case tooMuchWork:
			m, err = nil, &ParseError{Diagnostics: hcl.Diagnostics{problem.diagnostic()}}
		default:
			panic(problem)
		}
	}()
	if diagnostics := checkSource(options.Path, options.Body); diagnostics.HasErrors() {
		return nil, &ParseError{Diagnostics: diagnostics}
	}
	if isJSON(options.Body) {
		return manifestJSON(options.Path, options.Body)
	}
	if diagnostics := checkTokens(options.Path, options.Body); diagnostics.HasErrors() {
		return nil, newParseError(diagnostics)
	}
	file, diagnostics := hclsyntax.ParseConfig(options.Body, options.Path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, newParseError(diagnostics)
	}
	root, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("parse %s: the HCL parser returned a %T", options.Path, file.Body)
	}
	d := &decoder{budget: newBudget(), source: options.Body}
	meter(root, d.budget, d.source)
	m = d.manifest(root, options)
	if d.diagnostics.HasErrors() {
		return nil, newParseError(d.diagnostics)
	}
	return m, nil
}

func manifestJSON(path string, body []byte) (*Manifest, error) {
	if err := checkJSONNesting(body); err != nil {
		return nil, &ParseError{Diagnostics: hcl.Diagnostics{problem(startOf(path), "Too deeply nested", err.Error())}}
	}
	var one struct{ Schema any }
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, jsonError(path, body, err)
	}
	if one.Schema != nil {
		d := new(api.KindDefinition)
		if err := json.Unmarshal(body, d); err != nil {
			return nil, jsonError(path, body, err)
		}
		return &Manifest{Definitions: []*api.KindDefinition{d}}, nil
	}
	r := new(api.Resource)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, jsonError(path, body, err)
	}
	return &Manifest{Resources: []*api.Resource{r}}, nil
}

// manifestSchema is what may stand in a manifest.
var manifestSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: definitionBlock, LabelNames: []string{"name"}},
	{Type: resourceBlock, LabelNames: []string{"kind", "name"}},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "variables"},
	{Type: "locals"},
}}

func (d *decoder) manifest(body *hclsyntax.Body, options ParseOptions) *Manifest {
	for _, b := range body.Blocks {
		if b.Type == "job" {
			d.errorf(b.DefRange(), "A job among kinds", "A job is in a file of its own: move it there, or the kinds.")
			return nil
		}
	}
	content, diagnostics := body.Content(manifestSchema)
	d.add(diagnostics)
	functions := d.functions(options)
	variables := d.variables(content.Blocks, functions, options)
	ctx := &hcl.EvalContext{
		Functions: functions,
		Variables: map[string]cty.Value{"var": variables, "local": d.locals(content.Blocks, functions, variables)},
	}
	m := &Manifest{Blocks: true}
	first := map[string]hcl.Range{}
	for _, block := range content.Blocks {
		if block.Type != definitionBlock && block.Type != resourceBlock {
			continue
		}
		inner, ok := block.Body.(*hclsyntax.Body)
		if !ok {
			d.errorf(block.DefRange, "Unsupported syntax", "The block is not in HCL's native syntax.")
			continue
		}
		b := &sourceBlock{kind: block.Type, labels: block.Labels, body: inner, ctx: ctx, at: block.DefRange}
		var id string
		if block.Type == definitionBlock {
			definition := d.kindDefinition(b)
			m.Definitions = append(m.Definitions, definition)
			id = fmt.Sprintf("%s %q", block.Type, definition.Name)
		} else {
			r := d.resource(b)
			m.Resources = append(m.Resources, r)
			id = fmt.Sprintf("%s %q %q in namespace %q", block.Type, r.Kind, r.Name, r.Namespace)
		}
		if at, again := first[id]; again {
			d.errorf(block.DefRange, "Duplicate block", "%s was defined at %s already.", id, at)
		}
		first[id] = block.DefRange
	}
	return m
}

// kindDefinition decodes a kind_definition block. Its schema is an object, or the text of
// one in JSON.
func (d *decoder) kindDefinition(b *sourceBlock) *api.KindDefinition {
	out := &api.KindDefinition{Name: b.labels[0]}
	content, diagnostics := b.body.Content(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "scope"}, {Name: "description"}, {Name: "schema", Required: true},
	}})
	d.add(diagnostics)
	for _, attribute := range inOrder(content.Attributes) {
		a, ok := d.evaluate(attribute, b.ctx)
		if !ok {
			continue
		}
		switch plain := plainValue(a.value).(type) {
		case map[string]any:
			if a.name == "schema" {
				out.Schema = plain
				continue
			}
		case string:
			d.setDefinition(out, a, plain)
			continue
		}
		d.errorf(a.at, "Unsuitable value type", "%q must be text; a schema may be an object, too.", a.name)
	}
	return out
}

// setDefinition sets a field of a definition from text.
func (d *decoder) setDefinition(out *api.KindDefinition, a *attributeValue, text string) {
	switch a.name {
	case "scope":
		out.Scope = text
	case "description":
		out.Description = text
	case "schema":
		if err := checkJSONNesting([]byte(text)); err != nil {
			d.errorf(a.at, "Invalid schema", "%s.", err)
		} else if err := json.Unmarshal([]byte(text), &out.Schema); err != nil {
			d.errorf(a.at, "Invalid schema", "It is not an object in JSON: %s.", err)
		}
	}
}

// resource decodes a kind block: what it holds, but for namespace, is the spec.
func (d *decoder) resource(b *sourceBlock) *api.Resource {
	out := &api.Resource{Kind: api.Kind(b.labels[0]), Name: b.labels[1]}
	spec := d.freeForm(b)
	if namespace, given := spec["namespace"]; given {
		text, ok := namespace.(string)
		if !ok {
			d.errorf(b.at, "Unsuitable value type", "namespace must be text.")
		}
		out.Namespace = text
		delete(spec, "namespace")
	}
	out.Spec = spec
	return out
}
