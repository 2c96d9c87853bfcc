package outside

import (
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

func attr(name, typ string) *wire.Spec {
	return &wire.Spec{Block: &wire.Spec_Attr{Attr: &wire.Attr{Name: name, Type: typ}}}
}

func object(parts map[string]*wire.Spec) *wire.Spec {
	return &wire.Spec{Block: &wire.Spec_Object{Object: &wire.Object{Attributes: parts}}}
}

// everything has all that a schema can be made of.
func everything() *wire.Spec {
	return object(map[string]*wire.Spec{
		"image": {Block: &wire.Spec_Attr{Attr: &wire.Attr{Name: "image", Type: "string", Required: true}}},
		"count": attr("", "number"),
		"quiet": {Block: &wire.Spec_Default{Default: &wire.Default{
			Primary: attr("quiet", "bool"), Default: &wire.Spec{Block: &wire.Spec_Literal{Literal: &wire.Literal{Value: "true"}}},
		}}},
		"labels": {Block: &wire.Spec_BlockAttrs{BlockAttrs: &wire.BlockAttrs{Name: "labels", Type: "string"}}},
		"ports":  attr("ports", "list(map(number))"),
		"auth":   {Block: &wire.Spec_BlockValue{BlockValue: &wire.Block{Name: "auth", Nested: object(map[string]*wire.Spec{"user": attr("user", "string")})}}},
		"mount": {Block: &wire.Spec_BlockList{BlockList: &wire.BlockList{
			Name: "mount", MaxItems: 2, Nested: object(map[string]*wire.Spec{"to": attr("to", "string")}),
		}}},
	})
}

func TestABlockIsPackedByItsSchema(t *testing.T) {
	s, err := newSchema("config", everything())
	if err != nil {
		t.Fatal(err)
	}
	packed, err := s.pack(map[string]any{
		"image": "a:${b}%{c}", "count": "3", "labels": map[string]any{"x": "y"}, "auth": []map[string]any{{"user": "me"}},
		"ports": []any{map[string]any{"http": 80}}, "mount": []any{map[string]any{"to": "/a"}, map[string]any{"to": "/b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Image  string              `msgpack:"image"`
		Count  int                 `msgpack:"count"`
		Quiet  bool                `msgpack:"quiet"`
		Labels map[string]string   `msgpack:"labels"`
		Ports  []map[string]int    `msgpack:"ports"`
		Auth   map[string]string   `msgpack:"auth"`
		Mount  []map[string]string `msgpack:"mount"`
	}
	if err := msgpack.Unmarshal(packed, &got); err != nil {
		t.Fatal(err)
	}
	if got.Image != "a:${b}%{c}" || got.Count != 3 || !got.Quiet || got.Labels["x"] != "y" || got.Ports[0]["http"] != 80 ||
		got.Auth["user"] != "me" || len(got.Mount) != 2 || got.Mount[1]["to"] != "/b" {
		t.Errorf("packed %+v", got)
	}
}

func TestWhatASchemaDoesNotAllowIsSaid(t *testing.T) {
	s, err := newSchema("config", everything())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		block map[string]any
		says  string
	}{
		"missing":  {nil, "image"},
		"unknown":  {map[string]any{"image": "a", "imag": "b"}, "imag"},
		"type":     {map[string]any{"image": "a", "count": "many"}, "count"},
		"too many": {map[string]any{"image": "a", "mount": []any{map[string]any{}, map[string]any{}, map[string]any{}}}, "mount"},
	} {
		if _, err := s.decode(c.block); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spec := range map[string]*wire.Spec{
		"nothing in it": object(map[string]*wire.Spec{"a": {}}),
		"no type":       object(map[string]*wire.Spec{"a": attr("a", "strin")}),
		"no expression": object(map[string]*wire.Spec{"a": {Block: &wire.Spec_Literal{Literal: &wire.Literal{Value: "("}}}}),
	} {
		if _, err := newSchema("config", spec); err == nil {
			t.Errorf("%s: a schema was made of it", name)
		}
	}
}
