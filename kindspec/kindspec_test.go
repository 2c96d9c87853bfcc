package kindspec_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/kindspec"
)

const policySchema = `{
	"type": "object",
	"required": ["schedule"],
	"additionalProperties": false,
	"properties": {
		"schedule": {"type": "string", "minLength": 1},
		"keep": {"type": "integer", "minimum": 1},
		"retry": {"$ref": "#/$defs/retry"},
		"target": {"type": "object", "additionalProperties": {"$ref": "#/$defs/target"}},
		"hooks": {"type": "array", "items": {"type": "object", "properties": {"env": {"type": "object"}}}},
		"until": {"type": "string", "format": "date-time"}
	},
	"$defs": {
		"retry": {"type": "object", "properties": {"attempts": {"type": "integer"}}},
		"target": {"type": "object", "required": ["bucket"], "properties": {"bucket": {"type": "string"}}}
	}
}`

func values(t testing.TB, text string) api.Values {
	t.Helper()
	var v api.Values
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func compile(t testing.TB, text string) *kindspec.Schema {
	t.Helper()
	s, err := kindspec.Compile(values(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestErrorsNameThePathOfAllThatIsWrong(t *testing.T) {
	schema := compile(t, policySchema)
	for _, tc := range []struct {
		spec string
		want []string // none: it passes
	}{
		{`{"schedule": "@daily", "keep": 7, "target": {"s3": {"bucket": "b"}}}`, nil},
		{`{}`, []string{"spec: missing: schedule"}},
		{`{"schedule": "", "keep": 0}`, []string{"spec.schedule: minLength", "spec.keep: minimum"}},
		{`{"schedule": "x", "keep": 1.5}`, []string{"spec.keep: got number, want integer"}},
		{`{"schedule": "x", "kepe": 1}`, []string{"spec: not known: kepe"}},
		{`{"schedule": "x", "target": {"s3": {}}}`, []string{"spec.target.s3: missing: bucket"}},
		{`{"schedule": "x", "hooks": [{}, {"env": 1}]}`, []string{"spec.hooks[1].env: got number, want object"}},
		{`{"schedule": "x", "until": "tomorrow"}`, []string{"spec.until: 'tomorrow' is not valid date-time"}},
	} {
		err := schema.Check(&api.Resource{Kind: "backup_policy", Name: "nightly", Spec: values(t, tc.spec)})
		if len(tc.want) == 0 {
			if err != nil {
				t.Errorf("%s: %v", tc.spec, err)
			}
			continue
		}
		var invalid *api.InvalidError
		if !errors.As(err, &invalid) || invalid.What != `backup_policy "nightly"` || len(invalid.Fields) != len(tc.want) {
			t.Errorf("%s: %v, want %d things that are wrong", tc.spec, err, len(tc.want))
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", tc.spec, err, want)
			}
		}
	}
}

func TestAlternativeThatCameNearestExplains(t *testing.T) {
	schema := compile(t, `{"type": "object", "properties": {"x": {"anyOf": [
		{"type": "string"}, {"type": "object", "properties": {"y": {"type": "integer"}}}]}}}`)
	err := schema.Check(&api.Resource{Kind: "kk", Name: "n", Spec: values(t, `{"x": {"y": "z"}}`)})
	if err == nil || !strings.Contains(err.Error(), "spec.x.y: got string, want integer") {
		t.Errorf("error %v does not name spec.x.y", err)
	}
}

func TestNothingPassesNothing(t *testing.T) {
	schema, err := kindspec.Compile(kindspec.Nothing())
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Check(&api.Resource{Kind: "kk", Name: "n"}); err == nil {
		t.Error("an empty spec passes")
	}
}

func TestMistakesInADefinitionAreNamed(t *testing.T) {
	good := func() *api.KindDefinition {
		return &api.KindDefinition{Name: "backup_policy", Scope: api.KindNamespaced, Schema: values(t, policySchema)}
	}
	if err := kindspec.Validate(good()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*api.KindDefinition)
		want   string
	}{
		{"a capital", func(d *api.KindDefinition) { d.Name = "BackupPolicy" }, "name: it must have"},
		{"the name of a status", func(d *api.KindDefinition) { d.Name = "backup_policy.status" }, "name: it must have"},
		{"a word of drover", func(d *api.KindDefinition) { d.Name = "job" }, "name: drover uses that word"},
		{"no scope", func(d *api.KindDefinition) { d.Scope = "" }, "scope: it is \"\""},
		{"no schema", func(d *api.KindDefinition) { d.Schema = nil }, "schema: it is missing"},
		{"a list", func(d *api.KindDefinition) { d.Schema = api.Values{"type": "array"} }, "schema.type"},
		{"a wrong schema", func(d *api.KindDefinition) { d.Schema = api.Values{"type": "thing"} }, "schema: schema.type"},
		{"a file", func(d *api.KindDefinition) {
			d.Schema = api.Values{"type": "object", "allOf": []any{map[string]any{"$ref": "file:///etc/passwd"}}}
		}, "parts of itself only"},
		{"namespace", func(d *api.KindDefinition) {
			d.Schema = api.Values{"type": "object", "properties": map[string]any{"namespace": map[string]any{}}}
		}, "schema.properties.namespace"},
	} {
		d := good()
		tc.change(d)
		if err := kindspec.Validate(d); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v does not say %q", tc.name, err, tc.want)
		}
	}
}

func TestBlocksTakeTheShapeThatTheSchemaWants(t *testing.T) {
	schema := compile(t, policySchema)
	for _, tc := range []struct{ name, spec, want string }{
		{"one block for an object", `{"retry": [{"attempts": 3}]}`, `{"retry": {"attempts": 3}}`},
		{"one block for a list", `{"hooks": [{"env": [{"A": "1"}]}]}`, `{"hooks": [{"env": {"A": "1"}}]}`},
		{
			"blocks with labels", `{"target": [{"s3": [{"bucket": "a"}]}, {"gs": [{"bucket": "b"}]}]}`,
			`{"target": {"s3": {"bucket": "a"}, "gs": {"bucket": "b"}}}`,
		},
		{"what the schema does not know", `{"other": [{"a": 1}]}`, `{"other": [{"a": 1}]}`},
		{"an attribute", `{"retry": {"attempts": 3}}`, `{"retry": {"attempts": 3}}`},
		{"a list that is no block", `{"retry": [1]}`, `{"retry": [1]}`},
	} {
		got, err := schema.Shape(values(t, tc.spec))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if want := values(t, tc.want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, want)
		}
	}
	_, err := schema.Shape(values(t, `{"retry": [{"attempts": 3}, {"attempts": 4}]}`))
	if err == nil || !strings.Contains(err.Error(), "spec.retry.attempts is given twice") {
		t.Errorf("two blocks for one object: %v", err)
	}
}
