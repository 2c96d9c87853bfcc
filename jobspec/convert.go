package jobspec

import (
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/droverhq/drover/api"
)

var (
	durationType    = reflect.TypeFor[time.Duration]()
	valuesType      = reflect.TypeFor[api.Values]()
	stringListType  = reflect.TypeFor[[]string]()
	stringMapType   = reflect.TypeFor[map[string]string]()
	stringsMapType  = reflect.TypeFor[map[string][]string]()
	stringListValue = cty.List(cty.String)
)

// setField sets a field from a value that is neither null nor unknown. What does
// not fit is noted.
func (d *decoder) setField(field reflect.Value, a *attributeValue) {
	if err := setValue(field, a.value); err != nil {
		d.errorf(a.at, "Unsuitable value type", "Unsuitable value for %q: %s.", a.name, err)
	}
}

func setValue(field reflect.Value, value cty.Value) error {
	if field.Kind() == reflect.Pointer {
		inner := reflect.New(field.Type().Elem())
		if err := setValue(inner.Elem(), value); err != nil {
			return err
		}
		field.Set(inner)
		return nil
	}
	switch field.Type() {
	case durationType:
		return setDuration(field, value)
	case valuesType:
		return setValues(field, value)
	case stringListType:
		list, err := stringList(value)
		if err != nil {
			return err
		}
		field.Set(reflect.ValueOf(list))
		return nil
	case stringMapType:
		return setStringMap(field, value)
	case stringsMapType:
		return setStringsMap(field, value)
	}
	switch field.Kind() {
	case reflect.String:
		s, err := convert.Convert(value, cty.String)
		if err != nil {
			return err
		}
		field.SetString(s.AsString())
	case reflect.Bool:
		b, err := convert.Convert(value, cty.Bool)
		if err != nil {
			return err
		}
		field.SetBool(b.True())
	default:
		return setInteger(field, value)
	}
	return nil
}

func setInteger(field reflect.Value, value cty.Value) error {
	number, err := convert.Convert(value, cty.Number)
	if err != nil {
		return err
	}
	whole, accuracy := number.AsBigFloat().Int(nil)
	if accuracy != big.Exact {
		return fmt.Errorf("a whole number is required")
	}
	switch {
	case field.CanInt():
		if !whole.IsInt64() || field.OverflowInt(whole.Int64()) {
			return fmt.Errorf("%s is out of range", whole)
		}
		field.SetInt(whole.Int64())
	case field.CanUint():
		if !whole.IsUint64() || field.OverflowUint(whole.Uint64()) {
			return fmt.Errorf("%s is out of range", whole)
		}
		field.SetUint(whole.Uint64())
	default:
		return fmt.Errorf("no value can be set here")
	}
	return nil
}

// setDuration takes text like 90s or 1h30m, or a number of nanoseconds.
func setDuration(field reflect.Value, value cty.Value) error {
	if value.Type() != cty.String {
		return setInteger(field, value)
	}
	duration, err := time.ParseDuration(value.AsString())
	if err != nil {
		return fmt.Errorf(`%q is not a duration; write "30s", "10m" or "1h30m"`, value.AsString())
	}
	field.SetInt(int64(duration))
	return nil
}

func stringList(value cty.Value) ([]string, error) {
	list, err := convert.Convert(value, stringListValue)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, list.LengthInt())
	for _, element := range list.AsValueSlice() {
		if element.IsNull() {
			return nil, fmt.Errorf("an element is null")
		}
		out = append(out, element.AsString())
	}
	return out, nil
}

func setStringMap(field reflect.Value, value cty.Value) error {
	if !value.CanIterateElements() || value.Type().IsTupleType() || value.Type().IsListType() || value.Type().IsSetType() {
		return fmt.Errorf("a map of strings is required")
	}
	out := make(map[string]string, value.LengthInt())
	for it := value.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if element.IsNull() {
			continue
		}
		s, err := convert.Convert(element, cty.String)
		if err != nil {
			return fmt.Errorf("element %q: %w", key.AsString(), err)
		}
		out[key.AsString()] = s.AsString()
	}
	field.Set(reflect.ValueOf(out))
	return nil
}

func setStringsMap(field reflect.Value, value cty.Value) error {
	m, err := convert.Convert(value, cty.Map(stringListValue))
	if err != nil {
		return fmt.Errorf("a map of lists of strings is required")
	}
	out := make(map[string][]string, m.LengthInt())
	for key, element := range m.AsValueMap() {
		if out[key], err = stringList(element); err != nil {
			return fmt.Errorf("element %q: %w", key, err)
		}
	}
	field.Set(reflect.ValueOf(out))
	return nil
}

func setValues(field reflect.Value, value cty.Value) error {
	plain, ok := plainValue(value).(map[string]any)
	if !ok {
		return fmt.Errorf("a map is required")
	}
	field.Set(reflect.ValueOf(api.Values(plain)))
	return nil
}

// plainValue turns a value into what api.Values may hold.
func plainValue(value cty.Value) any {
	if value.IsNull() {
		return nil
	}
	switch typ := value.Type(); {
	case typ == cty.String:
		return value.AsString()
	case typ == cty.Bool:
		return value.True()
	case typ == cty.Number:
		number := value.AsBigFloat()
		if whole, accuracy := number.Int64(); accuracy == big.Exact {
			return whole
		}
		float, _ := number.Float64()
		return float
	case typ.IsMapType() || typ.IsObjectType():
		out := make(map[string]any, value.LengthInt())
		for it := value.ElementIterator(); it.Next(); {
			key, element := it.Element()
			out[key.AsString()] = plainValue(element)
		}
		return out
	default:
		out := []any{}
		for it := value.ElementIterator(); it.Next(); {
			_, element := it.Element()
			out = append(out, plainValue(element))
		}
		return out
	}
}
