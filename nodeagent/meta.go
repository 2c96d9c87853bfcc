package nodeagent

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/droverhq/drover/api"
)

// metaKeyPattern is what rules and templates can name: ${meta.rack-1.row}.
var metaKeyPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]{0,127}$`)

// effectiveMeta returns the meta of a node: what was set over what is configured. What
// was set to null is taken out.
func effectiveMeta(static map[string]string, dynamic map[string]*string) map[string]string {
	out := make(map[string]string, len(static)+len(dynamic))
	maps.Copy(out, static)
	for key, value := range dynamic {
		if value == nil {
			delete(out, key)
		} else {
			out[key] = *value
		}
	}
	return out
}

// changedMeta returns what is set of a node's meta after a change of it. A null is kept
// only where it hides something.
func changedMeta(static map[string]string, dynamic, change map[string]*string) map[string]*string {
	out := make(map[string]*string, len(dynamic)+len(change))
	maps.Copy(out, dynamic)
	maps.Copy(out, change)
	maps.DeleteFunc(out, func(key string, value *string) bool {
		_, configured := static[key]
		return value == nil && !configured
	})
	return out
}

// nodeMeta returns the meta of the node and where it comes from. The caller holds
// facts.
func (a *Agent) nodeMeta() api.NodeMeta {
	out := api.NodeMeta{Meta: a.node.Load().Meta, Dynamic: a.dynamicMeta, Static: a.opts.Meta}
	if out.Dynamic == nil {
		out.Dynamic = map[string]*string{}
	}
	if out.Static == nil {
		out.Static = map[string]string{}
	}
	return out
}

// serveMeta answers with the meta of the node.
func (a *Agent) serveMeta(*http.Request) (any, error) {
	a.facts.Lock()
	defer a.facts.Unlock()
	return a.nodeMeta(), nil
}

// serveMetaChange changes the meta of the node: on disk first, then for what is started
// here and for the servers.
func (a *Agent) serveMetaChange(r *http.Request) (any, error) {
	var body api.NodeMetaRequest
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	invalid := &api.InvalidError{What: "node meta"}
	if len(body.Meta) == 0 {
		invalid.Add("Meta", "nothing to change: give at least one key")
	}
	for _, key := range slices.Sorted(maps.Keys(body.Meta)) {
		if !metaKeyPattern.MatchString(key) {
			invalid.Add("Meta", fmt.Sprintf("key %q: use up to 128 letters, digits and _ . / -, with a letter or _ first", key))
		}
	}
	if err := invalid.OrNil(); err != nil {
		return nil, err
	}
	a.facts.Lock()
	defer a.facts.Unlock()
	next := changedMeta(a.opts.Meta, a.dynamicMeta, body.Meta)
	if err := a.db.SaveMeta(r.Context(), next); err != nil {
		return nil, err
	}
	a.dynamicMeta = next
	n := *a.node.Load()
	n.Meta = effectiveMeta(a.opts.Meta, next)
	n.ComputedClass = api.ComputeClass(&n)
	a.setFacts(&n)
	return a.nodeMeta(), nil
}
