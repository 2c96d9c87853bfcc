package jobspec

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/droverhq/drover/api"
)

// A constraint is written with an operator and a value, or with the operator as
// the name of the value.
var constraintSchema = define(schema{
	attributes: "attribute=LTarget operator=Operand value=RTarget",
	sugar: map[string]func(*decoder, *attributeValue, reflect.Value){
		api.OperandDistinctHosts:    sweetenFlag,
		api.OperandDistinctProperty: sweetenProperty,
		api.OperandRegexp:           sweetenValue,
		api.OperandVersion:          sweetenValue,
		api.OperandSemver:           sweetenValue,
		api.OperandSetContains:      sweetenValue,
		api.OperandSetContainsAll:   sweetenValue,
		api.OperandSetContainsAny:   sweetenValue,
		api.OperandIsSet:            sweetenPresence,
		api.OperandIsNotSet:         sweetenPresence,
	},
	done: defaultOperand,
})

var affinitySchema = define(schema{
	attributes: "attribute=LTarget operator=Operand value=RTarget weight",
	sugar: map[string]func(*decoder, *attributeValue, reflect.Value){
		api.OperandRegexp:         sweetenValue,
		api.OperandVersion:        sweetenValue,
		api.OperandSemver:         sweetenValue,
		api.OperandSetContains:    sweetenValue,
		api.OperandSetContainsAll: sweetenValue,
		api.OperandSetContainsAny: sweetenValue,
	},
	done: defaultOperand,
})

func defaultOperand(_ *decoder, _ *sourceBlock, target reflect.Value) {
	if operand := target.FieldByName("Operand"); operand.String() == "" {
		operand.SetString(api.OperandEqual)
	}
}

// sweetenValue: version = ">= 1.2" is operator = "version" and value = ">= 1.2".
func sweetenValue(d *decoder, a *attributeValue, target reflect.Value) {
	d.setField(target.FieldByName("RTarget"), a)
	target.FieldByName("Operand").SetString(a.name)
}

// sweetenProperty: distinct_property = "${meta.rack}" has its attribute on the right.
func sweetenProperty(d *decoder, a *attributeValue, target reflect.Value) {
	d.setField(target.FieldByName("LTarget"), a)
	target.FieldByName("Operand").SetString(a.name)
}

// sweetenFlag: distinct_hosts = true.
func sweetenFlag(d *decoder, a *attributeValue, target reflect.Value) {
	on, err := convert.Convert(a.value, cty.Bool)
	if err != nil {
		d.errorf(a.at, "Unsuitable value type", "Unsuitable value for %q: %s.", a.name, err)
		return
	}
	target.FieldByName("Operand").SetString(a.name)
	if on.False() {
		target.FieldByName("RTarget").SetString("false")
	}
}

// sweetenPresence: is_set = "${attr.driver.docker}".
func sweetenPresence(d *decoder, a *attributeValue, target reflect.Value) {
	sweetenProperty(d, a, target)
}
