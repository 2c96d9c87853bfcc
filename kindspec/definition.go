package kindspec

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// reserved are words that commands take for something else than an author's kind.
var reserved = []string{
	"alloc", "allocation", "deployment", "eval", "evaluation", "job", "kind", "kind_definition", "namespace", "node",
	"node_pool", "scaling_policy", "service", "task", "variable", "variables", "locals", "volume",
}

// CheckName says why authors can't define a kind of that name, if they can't.
func CheckName(name string) error {
	switch {
	case !api.AuthorKind(api.Kind(name)) || strings.Contains(name, "."):
		return errors.New(`it must have 1 to 63 lower-case letters, digits and underscores and begin with a letter, as in "backup_policy"`)
	case slices.Contains(reserved, name):
		return errors.New("drover uses that word itself: choose another")
	}
	return nil
}

// Validate says what is wrong with a definition: an *api.InvalidError.
func Validate(d *api.KindDefinition) error {
	invalid := &api.InvalidError{What: fmt.Sprintf("kind %q", d.Name)}
	if err := CheckName(d.Name); err != nil {
		invalid.Add("name", err.Error())
	}
	if d.Scope != api.KindNamespaced && d.Scope != api.KindCluster {
		invalid.Add("scope", fmt.Sprintf("it is %q, but must be %q or %q", d.Scope, api.KindNamespaced, api.KindCluster))
	}
	schema, err := Compile(d.Schema)
	if err != nil {
		invalid.Add("schema", err.Error())
		return invalid
	}
	if schema.root.Types == nil || !slices.Equal(schema.root.Types.ToStrings(), []string{"object"}) {
		invalid.Add("schema.type", `it must be "object": a spec is a set of named values`)
	}
	if _, taken := schema.root.Properties["namespace"]; taken {
		invalid.Add("schema.properties.namespace", "in HCL that attribute says which namespace the object is in: choose another name")
	}
	return invalid.OrNil()
}

// Same reports whether two definitions say the same.
func Same(a, b *api.KindDefinition) bool {
	return a.Scope == b.Scope && a.Description == b.Description && SameSchema(a.Schema, b.Schema) && SameSchema(a.Pending, b.Pending)
}

// SameSchema reports whether two schemas are the same.
func SameSchema(a, b api.Values) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// Nothing returns a schema that nothing passes.
func Nothing() api.Values { return api.Values{"not": map[string]any{}} }
