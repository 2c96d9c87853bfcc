package kindspec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/kindspec"
)

// doubling returns a schema whose parts each hold the same value twice against the next.
func doubling(keyword string, parts int) string {
	var defs []string
	for i := range parts {
		defs = append(defs, fmt.Sprintf(`"p%d": {%q: [{"$ref": "#/$defs/p%d"}, {"$ref": "#/$defs/p%d"}]}`, i, keyword, i+1, i+1))
	}
	return fmt.Sprintf(`{"type": "object", "$ref": "#/$defs/p0", "$defs": {%s, "p%d": {"type": "object"}}}`, strings.Join(defs, ", "), parts)
}

// nested returns a value that has itself as member c, so many times.
func nested(depth int) string {
	return strings.Repeat(`{"c": `, depth) + `{}` + strings.Repeat(`}`, depth)
}

func TestChecksThatWouldNotEndInTimeAreRefused(t *testing.T) {
	const eachTwice = `{"type": "object", "$ref": "#/$defs/n", "$defs": {"n": {"properties": {"c": {
		"allOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}}}}`
	for _, tc := range []struct {
		name, schema, spec string
		refused            bool
	}{
		{"alternatives", doubling("anyOf", 60), `{}`, true},
		{"all of them", doubling("allOf", 60), `{}`, true},
		{"a few", doubling("oneOf", 5), `{}`, false},
		{"each level twice", eachTwice, nested(60), true},
		{"a flat value", eachTwice, nested(5), false},
		{"a tree", `{"type": "object", "properties": {"c": {"$ref": "#"}}}`, nested(1000), false},
	} {
		err := compile(t, tc.schema).Check(&api.Resource{Kind: "kk", Name: "n", Spec: values(t, tc.spec)})
		switch refused := err != nil && strings.Contains(err.Error(), "takes more than"); {
		case refused != tc.refused:
			t.Errorf("%s: error %v", tc.name, err)
		case !tc.refused && err != nil && !strings.Contains(err.Error(), "oneOf"):
			t.Errorf("%s: error %v", tc.name, err)
		}
	}
}

func TestSchemasThatAreTooLargeOrLeadBackToThemselvesAreRefused(t *testing.T) {
	deep := strings.Repeat(`{"not": `, 100) + `{}` + strings.Repeat(`}`, 100)
	for _, tc := range []struct{ schema, want string }{
		{deep, "levels deep"},
		{`{"description": "` + strings.Repeat("x", 300<<10) + `"}`, "bytes; it may have"},
		{`{"allOf": [{"$ref": "#"}]}`, "leads back to itself"},
		{`{"properties": {"a": {"anyOf": [{"$ref": "#/properties/b"}]}, "b": {"$ref": "#/properties/a"}}}`, "leads back to itself"},
		{`{"properties": {"a": {"$dynamicRef": "#x"}}, "$defs": {"x": {"$dynamicAnchor": "x"}}}`, "not supported: $dynamicRef"},
	} {
		if _, err := kindspec.Compile(values(t, tc.schema)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60s: error %v does not say %q", tc.schema, err, tc.want)
		}
	}
}

func TestOnlySoManyThingsThatAreWrongAreNamed(t *testing.T) {
	var members []string
	for i := range 500 {
		members = append(members, fmt.Sprintf(`"m%d": 1`, i))
	}
	schema := compile(t, `{"type": "object", "additionalProperties": {"type": "string"}}`)
	err := schema.Check(&api.Resource{Kind: "kk", Name: "n", Spec: values(t, `{`+strings.Join(members, ", ")+`}`)})
	if err == nil || !strings.Contains(err.Error(), "450 more things are wrong") {
		t.Errorf("error %v", err)
	}
}
