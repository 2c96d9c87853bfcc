package kindspec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/droverhq/drover/api"
)

// Schema is what the specs of a kind must pass.
type Schema struct{ root *jsonschema.Schema }

// sealed loads nothing: a schema has all that it needs.
type sealed struct{}

func (sealed) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s: a schema may refer to parts of itself only", url)
}

// schemaURL is what a schema is called while it is compiled.
const schemaURL = "kind:schema"

// Compile reads a schema. The error says where it is wrong.
func Compile(schema api.Values) (*Schema, error) {
	if len(schema) == 0 {
		return nil, errors.New(`it is missing; {"type": "object"} is the least`)
	}
	if err := checkSize(schema); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(sealed{})
	c.AssertFormat()
	if err := c.AddResource(schemaURL, map[string]any(schema)); err != nil {
		return nil, err
	}
	root, err := c.Compile(schemaURL)
	var invalid *jsonschema.SchemaValidationError
	var details *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &details) {
		return nil, errors.New(strings.Join(lines(details, "schema"), "; "))
	}
	if err == nil {
		err = checkCircles(root)
	}
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), schemaURL, "schema"))
	}
	return &Schema{root}, nil
}

// maxProblems is how many things that are wrong with a spec are named.
const maxProblems = 50

// Check says what is wrong with the spec of a resource: an *api.InvalidError whose
// fields are paths such as spec.targets[0].bucket.
func (s *Schema) Check(r *api.Resource) error {
	spec := map[string]any(r.Spec)
	if spec == nil {
		spec = map[string]any{}
	}
	invalid := &api.InvalidError{What: fmt.Sprintf("%s %q", r.Kind, r.Name)}
	if tooMuch(s.root, spec) {
		invalid.Add("spec", fmt.Sprintf("to hold it against the schema takes more than %d steps: "+
			"it must be smaller, or the schema have fewer alternatives and references within each other", maxEffort))
		return invalid
	}
	err := s.root.Validate(spec)
	var details *jsonschema.ValidationError
	if !errors.As(err, &details) {
		return err
	}
	wrong := leaves(details)
	for _, leaf := range wrong[:min(len(wrong), maxProblems)] {
		invalid.Add(path("spec", leaf.InstanceLocation), text(leaf))
	}
	if more := len(wrong) - maxProblems; more > 0 {
		invalid.Add("spec", fmt.Sprintf("%d more things are wrong", more))
	}
	return invalid
}

// lines are all that is wrong, each with its path.
func lines(e *jsonschema.ValidationError, root string) []string {
	var out []string
	for _, leaf := range leaves(e) {
		out = append(out, path(root, leaf.InstanceLocation)+": "+text(leaf))
	}
	return out
}

// leaves are the errors that no other explains. Of alternatives of which none fits, the
// one that came nearest explains best: it is the one that fails deepest inside.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		nearest := e.Causes[0]
		for _, c := range e.Causes[1:] {
			if depth(c) > depth(nearest) {
				nearest = c
			}
		}
		if depth(nearest) == len(e.InstanceLocation) {
			return []*jsonschema.ValidationError{e}
		}
		return leaves(nearest)
	}
	var out []*jsonschema.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

func depth(e *jsonschema.ValidationError) int {
	deepest := len(e.InstanceLocation)
	for _, c := range e.Causes {
		deepest = max(deepest, depth(c))
	}
	return deepest
}

// text is what an error says, without its place.
func text(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return "missing: " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return "not known: " + strings.Join(k.Properties, ", ")
	case *kind.FalseSchema, *kind.Not:
		return "not allowed"
	}
	return e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

// path writes a place in a value as a.b[0].c.
func path(root string, location []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, part := range location {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		b.WriteString("." + part)
	}
	return b.String()
}
