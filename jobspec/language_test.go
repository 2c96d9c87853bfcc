package jobspec

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/droverhq/drover/api"
)

// walk visits every schema of the language with the block that it is of.
func walk(t *testing.T, path string, s *schema, target reflect.Type, visit func(path string, s *schema, target reflect.Type)) {
	t.Helper()
	visit(path, s, target)
	for _, n := range s.blocks {
		inner := path + " > " + n.name
		switch {
		case n.name == "group":
			walk(t, inner, n.body, reflect.TypeFor[groupTarget](), visit)
		case n.name == "port":
			walk(t, inner, n.body, reflect.TypeFor[api.Port](), visit)
		case n.body == nil:
		default:
			field, ok := target.FieldByName(n.field)
			if !ok {
				t.Errorf("%s: no field %s in %s", inner, n.field, target)
				continue
			}
			typ := field.Type
			for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
				typ = typ.Elem()
			}
			walk(t, inner, n.body, typ, visit)
		}
	}
}

func TestEveryAttributeSetsAField(t *testing.T) {
	walk(t, "job", jobSchema, reflect.TypeFor[jobTarget](), func(path string, s *schema, target reflect.Type) {
		for _, f := range s.fields() {
			if _, ok := target.FieldByName(f.field); !ok {
				t.Errorf("%s > %s: no field %s in %s", path, f.attribute, f.field, target)
			}
		}
		for _, n := range s.blocks {
			if field, ok := target.FieldByName(n.field); n.body == nil && (!ok || field.Type.Kind() != reflect.Map) {
				t.Errorf("%s > %s: no map %s in %s", path, n.name, n.field, target)
			}
		}
	})
}

func TestEverythingUsesTheWholeLanguage(t *testing.T) {
	const path = "testdata/corpus/everything.nomad.hcl"
	used := map[string]bool{}
	collect("", parseBody(t, path), used)
	for _, name := range missing(t, used) {
		t.Errorf("%s does not use %s", path, name)
	}
}

func TestEverythingIsDocumented(t *testing.T) {
	const path = "../docs/jobspec.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for i, code := range strings.Split(string(text), "`") {
		if i%2 == 1 {
			words[code] = true
		}
	}
	undocumented := map[string]bool{}
	walk(t, "job", jobSchema, reflect.TypeFor[jobTarget](), func(_ string, s *schema, _ reflect.Type) {
		for _, name := range s.names() {
			if !words[name] {
				undocumented[name] = true
			}
		}
	})
	d := &decoder{budget: newBudget()}
	for name := range d.functions(ParseOptions{}) {
		if !words[name] {
			undocumented[name+"()"] = true
		}
	}
	if len(undocumented) > 0 {
		t.Errorf("%s does not say what these are: %s", path, strings.Join(slices.Sorted(maps.Keys(undocumented)), ", "))
	}
}

// names lists the attributes and blocks of a schema.
func (s *schema) names() []string {
	var names []string
	for _, f := range s.fields() {
		names = append(names, f.attribute)
	}
	for _, n := range s.blocks {
		names = append(names, n.name)
	}
	return append(names, slices.Sorted(maps.Keys(s.sugar))...)
}

// missing lists what of the language is not among the used: BLOCK > NAME.
// Constraints in shorter forms have a file of their own.
func missing(t *testing.T, used map[string]bool) []string {
	older := []string{"periodic > crons", "network > mbits", "resources > network"}
	out := map[string]bool{}
	walk(t, "job", jobSchema, reflect.TypeFor[jobTarget](), func(path string, s *schema, _ reflect.Type) {
		block := path[strings.LastIndex(path, " ")+1:]
		for _, name := range s.names() {
			pair := block + " > " + name
			if _, isSugar := s.sugar[name]; !used[pair] && !isSugar && !slices.Contains(older, pair) {
				out[pair] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(out))
}

func parseBody(t *testing.T, path string) *hclsyntax.Body {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, diagnostics := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return file.Body.(*hclsyntax.Body)
}

// collect notes what stands in which block, wherever that is.
func collect(block string, body *hclsyntax.Body, used map[string]bool) {
	for name := range body.Attributes {
		used[block+" > "+name] = true
	}
	for _, inner := range body.Blocks {
		used[block+" > "+inner.Type] = true
		collect(inner.Type, inner.Body, used)
	}
}
