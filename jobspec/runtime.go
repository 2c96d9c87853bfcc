package jobspec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// runtimeRoots are the first names of references that a node agent resolves: they
// stay in the job as they are written. So does a name alone, which may be an
// environment variable of the task.
var runtimeRoots = []string{"attr", "meta", "node", "env", "device", "unique", "driver"}

// inputs says what the attributes of the objects are that a job file fills.
var inputs = map[string]string{"var": "variable", "local": "local"}

// checkDeclared refuses a reference to a variable or local that is not there, and
// names one that is.
func checkDeclared(reference *hclsyntax.ScopeTraversalExpr, ctx *hcl.EvalContext) hcl.Diagnostics {
	root := reference.Traversal.RootName()
	kind, isInput := inputs[root]
	if !isInput || len(reference.Traversal) < 2 {
		return nil
	}
	step, ok := reference.Traversal[1].(hcl.TraverseAttr)
	all, _ := lookUp(root, ctx)
	if !ok || !all.Type().IsObjectType() || all.Type().HasAttribute(step.Name) {
		return nil
	}
	known := sortedKeys(all.Type().AttributeTypes())
	return hcl.Diagnostics{problem(reference.Range(), "Undeclared "+kind,
		fmt.Sprintf("There is no %s named %q in this job.%s", kind, step.Name, suggest(step.Name, known)))}
}

// runtimeReference returns the text of a reference.
func (m *metered) runtimeReference(reference *hclsyntax.ScopeTraversalExpr) (cty.Value, hcl.Diagnostics) {
	root := reference.Traversal.RootName()
	written := reference.Range()
	text := strings.TrimSpace(string(written.SliceBytes(m.source)))
	alone := len(reference.Traversal) == 1
	if !alone && !slices.Contains(runtimeRoots, root) && !strings.HasPrefix(root, "NOMAD_") && !strings.HasPrefix(root, "DROVER_") {
		return cty.DynamicVal, hcl.Diagnostics{problem(written, "Unknown variable", fmt.Sprintf(
			"There is no variable named %q.%s Write $${%s} to keep it as text.", root, suggest(root, append([]string{"var", "local"}, runtimeRoots...)), text))}
	}
	return cty.StringVal("${" + text + "}"), nil
}
