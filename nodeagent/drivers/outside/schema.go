package outside

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/msgpack"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// schema is what a block of settings may have.
type schema struct {
	what string
	spec hcldec.Spec
}

func newSchema(what string, s *wire.Spec) (schema, error) {
	if s == nil {
		return schema{what, hcldec.ObjectSpec{}}, nil
	}
	spec, err := specOf(s, "")
	if err != nil {
		return schema{}, fmt.Errorf("%s: its schema: %w", what, err)
	}
	return schema{what, spec}, nil
}

// pack checks a block and returns its values in the form of the protocol.
func (s schema) pack(block map[string]any) ([]byte, error) {
	value, err := s.decode(block)
	if err != nil {
		return nil, err
	}
	return msgpack.Marshal(value, value.Type())
}

// decode returns the values of a block; an *api.InvalidError says what is wrong.
func (s schema) decode(block map[string]any) (cty.Value, error) {
	if block == nil {
		block = map[string]any{}
	}
	text, err := json.Marshal(literal(block))
	if err != nil {
		return cty.NilVal, err
	}
	file, problems := hcljson.Parse(text, "config")
	var value cty.Value
	if !problems.HasErrors() {
		value, problems = hcldec.Decode(file.Body, s.spec, &hcl.EvalContext{})
	}
	invalid := &api.InvalidError{What: s.what}
	for _, p := range problems {
		if p.Severity == hcl.DiagError {
			invalid.Add("", cmp.Or(p.Detail, p.Summary))
		}
	}
	return value, invalid.OrNil()
}

// literal keeps what looks like a template in strings from being one: all that was to be
// interpolated has been.
func literal(value any) any {
	switch v := value.(type) {
	case string:
		return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = literal(item)
		}
		return out
	case map[string]string:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = literal(item)
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = literal(item)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = literal(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = literal(item)
		}
		return out
	}
	return value
}

var errEmptySpec = errors.New("a part of it is empty")

// specOf returns what decodes a part of a block; key is its name in the object that it
// is a part of.
func specOf(s *wire.Spec, key string) (hcldec.Spec, error) {
	switch b := s.GetBlock().(type) {
	case *wire.Spec_Object:
		object := hcldec.ObjectSpec{}
		for name, part := range b.Object.GetAttributes() {
			var err error
			if object[name], err = specOf(part, name); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return object, nil
	case *wire.Spec_Array:
		var tuple hcldec.TupleSpec
		for _, part := range b.Array.GetValues() {
			item, err := specOf(part, key)
			if err != nil {
				return nil, err
			}
			tuple = append(tuple, item)
		}
		return tuple, nil
	case *wire.Spec_Attr:
		typ, err := typeOf(b.Attr.GetType())
		return &hcldec.AttrSpec{Name: nameOr(b.Attr.GetName(), key), Type: typ, Required: b.Attr.GetRequired()}, err
	case *wire.Spec_BlockAttrs:
		typ, err := typeOf(b.BlockAttrs.GetType())
		return &hcldec.BlockAttrsSpec{TypeName: nameOr(b.BlockAttrs.GetName(), key), ElementType: typ, Required: b.BlockAttrs.GetRequired()}, err
	case *wire.Spec_Default:
		primary, err := specOf(b.Default.GetPrimary(), key)
		if err != nil {
			return nil, err
		}
		fallback, err := specOf(b.Default.GetDefault(), key)
		return &hcldec.DefaultSpec{Primary: primary, Default: fallback}, err
	case *wire.Spec_Literal:
		return literalSpec(b.Literal.GetValue())
	default:
		return blockSpec(s, key)
	}
}

// blockSpec is specOf for the parts that are blocks with parts of their own.
func blockSpec(s *wire.Spec, key string) (hcldec.Spec, error) {
	var inner *wire.Spec
	switch b := s.GetBlock().(type) {
	case *wire.Spec_BlockValue:
		inner = b.BlockValue.GetNested()
	case *wire.Spec_BlockList:
		inner = b.BlockList.GetNested()
	case *wire.Spec_BlockSet:
		inner = b.BlockSet.GetNested()
	case *wire.Spec_BlockMap:
		inner = b.BlockMap.GetNested()
	}
	if inner == nil {
		return nil, errEmptySpec
	}
	nested, err := specOf(inner, "")
	if err != nil {
		return nil, err
	}
	switch b := s.GetBlock().(type) {
	case *wire.Spec_BlockValue:
		return &hcldec.BlockSpec{TypeName: nameOr(b.BlockValue.GetName(), key), Nested: nested, Required: b.BlockValue.GetRequired()}, nil
	case *wire.Spec_BlockList:
		return &hcldec.BlockListSpec{
			TypeName: nameOr(b.BlockList.GetName(), key), Nested: nested,
			MinItems: int(b.BlockList.GetMinItems()), MaxItems: int(b.BlockList.GetMaxItems()),
		}, nil
	case *wire.Spec_BlockSet:
		return &hcldec.BlockSetSpec{
			TypeName: nameOr(b.BlockSet.GetName(), key), Nested: nested,
			MinItems: int(b.BlockSet.GetMinItems()), MaxItems: int(b.BlockSet.GetMaxItems()),
		}, nil
	case *wire.Spec_BlockMap:
		return &hcldec.BlockMapSpec{TypeName: nameOr(b.BlockMap.GetName(), key), LabelNames: b.BlockMap.GetLabels(), Nested: nested}, nil
	}
	return nil, errEmptySpec
}

func nameOr(name, key string) string {
	if name == "" {
		return key
	}
	return name
}

// typeOf reads a type as HCL writes it; nothing is any.
func typeOf(text string) (cty.Type, error) {
	if text == "" {
		return cty.DynamicPseudoType, nil
	}
	expr, problems := hclsyntax.ParseExpression([]byte(text), "type", hcl.InitialPos)
	if problems.HasErrors() {
		return cty.NilType, problems
	}
	typ, problems := typeexpr.TypeConstraint(expr)
	if problems.HasErrors() {
		return cty.NilType, problems
	}
	return typ, nil
}

func literalSpec(text string) (hcldec.Spec, error) {
	expr, problems := hclsyntax.ParseExpression([]byte(text), "literal", hcl.InitialPos)
	if problems.HasErrors() {
		return nil, problems
	}
	value, problems := expr.Value(&hcl.EvalContext{})
	if problems.HasErrors() {
		return nil, problems
	}
	return &hcldec.LiteralSpec{Value: value}, nil
}
