package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// request is what a group asks for, in the form in which nodes are judged by it.
type request struct {
	key         groupKey
	region      string
	pool        string
	datacenters []string
	classRules  []rule // decided once per class of nodes
	nodeRules   []rule // decided for every node
	usage       api.Usage
	ports       []portAsk
	cores       []coreAsk
	devices     []deviceAsk
	volumes     []heldVolume // claims on CSI volumes
	affinities  affinities
	count       int // instances that the group wants in all
	hash        uint64
}

func newRequest(job *api.Job, g *api.TaskGroup) *request {
	r := &request{
		key:         groupKey{api.Deref(job.Namespace), api.Deref(job.ID), api.Deref(g.Name)},
		region:      regionOf(job),
		pool:        api.Deref(job.NodePool),
		datacenters: job.Datacenters,
		usage:       UsageOf(g),
		ports:       portsOf(g),
		cores:       coresWanted(g),
		devices:     devicesWanted(g),
		volumes:     claimsWanted(job, g),
		affinities:  newAffinities(job, g),
		count:       max(1, api.Deref(g.Count)),
	}
	if r.pool == "" {
		r.pool = api.DefaultNodePool
	}
	r.hash = mix(hashString(r.key.namespace) ^ mix(hashString(r.key.job)))
	for _, rule := range rulesOf(job, g) {
		if rule.perNode() {
			r.nodeRules = append(r.nodeRules, rule)
		} else {
			r.classRules = append(r.classRules, rule)
		}
	}
	return r
}

// request returns what a group asks for, with what the fleet knows of the volumes that it
// names.
func (f *Fleet) request(job *api.Job, g *api.TaskGroup) *request {
	r := newRequest(job, g)
	r.nodeRules = append(r.nodeRules, f.csiRules(r.volumes)...)
	return r
}

func (r *request) inPool(n *api.Node) bool {
	return r.pool == api.AllNodePool || r.pool == poolOf(n)
}

func (r *request) inDatacenter(n *api.Node) bool {
	return slices.ContainsFunc(r.datacenters, func(pattern string) bool { return matchesGlob(pattern, n.Datacenter) })
}

// Reaches reports whether a node is of the node pool and of one of the datacenters that
// a job wants to run in.
func Reaches(job *api.Job, n *api.Node) bool {
	r := &request{pool: cmp.Or(api.Deref(job.NodePool), api.DefaultNodePool), datacenters: job.Datacenters}
	return r.inPool(n) && r.inDatacenter(n)
}

// elsewhere says why a node is not one of those that the job wants to run on.
func (r *request) elsewhere(n *api.Node) string {
	switch {
	case !r.inPool(n):
		return "node is not in node pool " + r.pool
	case !r.inDatacenter(n):
		return "node is not in a datacenter of the job"
	}
	return ""
}

// excludes says which of all rules excludes a node.
func (r *request) excludes(n *api.Node) string {
	if why := firstExclusion(r.classRules, n); why != "" {
		return why
	}
	return firstExclusion(r.nodeRules, n)
}

// firstExclusion returns what the first of the rules that exclude the node says.
func firstExclusion(rules []rule, n *api.Node) string {
	for _, rule := range rules {
		if why := rule.excludes(n); why != "" {
			return why
		}
	}
	return ""
}

// matchesGlob reports whether a name fits a pattern, in which * stands for any text.
func matchesGlob(pattern, name string) bool {
	first, rest, isGlob := strings.Cut(pattern, "*")
	if !isGlob {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, last)
}
