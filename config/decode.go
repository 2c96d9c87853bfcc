package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// decoder overlays the body of a file over a configuration. What is wrong gathers
// in diags, what has no effect in notes.
type decoder struct {
	diags hcl.Diagnostics
	notes []string
}

// field is a struct field that can be set in a file.
type field struct {
	name  string
	form  string // "" for an argument, block, labeled or map
	value reflect.Value
}

func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		tag, ok := v.Type().Field(i).Tag.Lookup("hcl")
		if !ok {
			continue
		}
		name, form, _ := strings.Cut(tag, ",")
		fields = append(fields, field{name, form, v.Field(i)})
	}
	return fields
}

// block decodes a body into a struct. path is where it stands: "client.reserved".
func (d *decoder) block(body hcl.Body, into reflect.Value, path string) {
	fields := fieldsOf(into)
	content, diags := body.Content(schemaOf(fields, path))
	d.diags = append(d.diags, diags...)
	byName := map[string]field{}
	for _, f := range fields {
		byName[f.name] = f
	}
	for name, attr := range content.Attributes {
		f, ok := byName[name]
		if ok {
			d.argument(attr, f)
		}
		if !ok || slices.Contains(unused[path], name) {
			d.note(path, name, attr.NameRange)
		}
	}
	for _, b := range content.Blocks {
		if f, ok := byName[b.Type]; ok {
			d.nested(b, f, path)
		} else {
			d.note(path, b.Type, b.DefRange)
		}
	}
}

func (d *decoder) note(path, name string, at hcl.Range) {
	if path != "" {
		name = path + "." + name
	}
	d.notes = append(d.notes, fmt.Sprintf("%s: %s has no effect yet", at, name))
}

// schemaOf is what may stand in a block: its fields and the names without effect. A
// map may be written as an argument or as a block.
func schemaOf(fields []field, path string) *hcl.BodySchema {
	s := new(hcl.BodySchema)
	for _, f := range fields {
		switch {
		case f.form == "labeled":
			s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: f.name, LabelNames: []string{"name"}})
		case f.form != "" || f.value.Kind() == reflect.Map:
			s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: f.name})
		}
		if f.form == "" {
			s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: f.name})
		}
	}
	for _, name := range inert[path] {
		if n, ok := strings.CutSuffix(name, "{*}"); ok {
			s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: n, LabelNames: []string{"name"}})
		} else if n, ok := strings.CutSuffix(name, "{}"); ok {
			s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: n})
		} else {
			s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: name})
		}
	}
	return s
}

func (d *decoder) nested(b *hcl.Block, f field, path string) {
	switch {
	case f.form == "labeled":
		v := reflect.New(f.value.Type().Elem()).Elem()
		if old := f.value.MapIndex(reflect.ValueOf(b.Labels[0])); old.IsValid() {
			v.Set(old)
		}
		d.block(b.Body, v, f.name)
		f.value.SetMapIndex(reflect.ValueOf(b.Labels[0]), v)
	case f.value.Type() == freeType:
		if f.value.IsNil() {
			f.value.Set(reflect.MakeMap(freeType))
		}
		d.free(b.Body, f.value)
	case f.value.Kind() == reflect.Map:
		attrs, diags := b.Body.JustAttributes()
		d.diags = append(d.diags, diags...)
		for _, attr := range attrs {
			d.mapEntry(attr.Name, attr.Expr, f.value)
		}
	default:
		if path != "" {
			path += "."
		}
		into := f.value
		if into.Kind() == reflect.Pointer { // a block that need not be there
			if into.IsNil() {
				into.Set(reflect.New(into.Type().Elem()))
			}
			into = into.Elem()
		}
		d.block(b.Body, into, path+f.name)
	}
}

// freeType is that of blocks whose names are known to somebody else: a driver.
var freeType = reflect.TypeFor[map[string]any]()

// free decodes a body with any names. Blocks of one name are a list of maps, as they are
// in JSON.
func (d *decoder) free(body hcl.Body, into reflect.Value) {
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		attrs, diags := body.JustAttributes()
		d.diags = append(d.diags, diags...)
		for _, attr := range attrs {
			d.mapEntry(attr.Name, attr.Expr, into)
		}
		return
	}
	for _, attr := range native.Attributes {
		d.mapEntry(attr.Name, attr.Expr, into)
	}
	lists := map[string][]any{}
	for _, b := range native.Blocks {
		if len(b.Labels) > 0 {
			d.wrong(b.DefRange(), fmt.Sprintf("%s has no name here.", b.Type))
		}
		inner := map[string]any{}
		d.free(b.Body, reflect.ValueOf(inner))
		lists[b.Type] = append(lists[b.Type], inner)
	}
	for name, list := range lists {
		into.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(list))
	}
}

func (d *decoder) argument(attr *hcl.Attribute, f field) {
	if f.value.Kind() == reflect.Map {
		pairs, diags := hcl.ExprMap(attr.Expr)
		d.diags = append(d.diags, diags...)
		for _, p := range pairs {
			key, diags := p.Key.Value(nil)
			d.diags = append(d.diags, diags...)
			if !diags.HasErrors() && key.Type() == cty.String {
				d.mapEntry(key.AsString(), p.Value, f.value)
			}
		}
		return
	}
	val, diags := attr.Expr.Value(nil)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return
	}
	if err := set(f.value, val); err != nil {
		d.wrong(attr.Expr.Range(), fmt.Sprintf("%s: %v.", attr.Name, err))
	}
}

func (d *decoder) mapEntry(key string, expr hcl.Expression, m reflect.Value) {
	val, diags := expr.Value(nil)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return
	}
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	entry := reflect.New(m.Type().Elem()).Elem()
	if err := set(entry, val); err != nil {
		d.wrong(expr.Range(), fmt.Sprintf("%s: %v.", key, err))
		return
	}
	m.SetMapIndex(reflect.ValueOf(key), entry)
}

func (d *decoder) wrong(at hcl.Range, detail string) {
	d.diags = append(d.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Wrong value", Detail: detail, Subject: &at,
	})
}

var durationType = reflect.TypeFor[time.Duration]()

// set converts a value to what the field holds. Lists grow, everything else is
// replaced.
func set(into reflect.Value, val cty.Value) error {
	if val.IsNull() {
		return nil
	}
	switch {
	case into.Type() == durationType:
		return setDuration(into, val)
	case into.Kind() == reflect.Interface:
		plain, err := plainValue(val)
		if err != nil {
			return err
		}
		into.Set(reflect.ValueOf(&plain).Elem())
		return nil
	case into.Kind() == reflect.Slice:
		return appendStrings(into, val)
	}
	return setScalar(into, val)
}

func setScalar(into reflect.Value, val cty.Value) error {
	switch into.Kind() {
	case reflect.String:
		s, err := convert.Convert(val, cty.String)
		if err != nil {
			return err
		}
		into.SetString(s.AsString())
	case reflect.Bool:
		b, err := convert.Convert(val, cty.Bool)
		if err != nil {
			return err
		}
		into.SetBool(b.True())
	case reflect.Int:
		n, err := convert.Convert(val, cty.Number)
		if err != nil {
			return err
		}
		i, accuracy := n.AsBigFloat().Int64()
		if accuracy != 0 {
			return fmt.Errorf("a whole number is required")
		}
		into.SetInt(i)
	case reflect.Float64:
		n, err := convert.Convert(val, cty.Number)
		if err != nil {
			return err
		}
		f, _ := n.AsBigFloat().Float64()
		into.SetFloat(f)
	default:
		return fmt.Errorf("fields of type %s can't be set in files", into.Type())
	}
	return nil
}

func setDuration(into reflect.Value, val cty.Value) error {
	if val.Type() != cty.String {
		return fmt.Errorf(`a duration such as "30s" or "1h30m" is required`)
	}
	dur, err := time.ParseDuration(val.AsString())
	if err != nil {
		return fmt.Errorf(`%q is not a duration; write it as "30s" or "1h30m"`, val.AsString())
	}
	into.SetInt(int64(dur))
	return nil
}

func appendStrings(into reflect.Value, val cty.Value) error {
	list, err := convert.Convert(val, cty.List(cty.String))
	if err != nil {
		return err
	}
	for _, v := range list.AsValueSlice() {
		if v.IsNull() {
			return fmt.Errorf("a list of strings can't hold null")
		}
		into.Set(reflect.Append(into, reflect.ValueOf(v.AsString())))
	}
	return nil
}

// plainValue turns a value of any type into what JSON would decode it to.
func plainValue(val cty.Value) (any, error) {
	b, err := ctyjson.Marshal(val, val.Type())
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(b, &out)
	return out, err
}
