package scheduler

import (
	"strings"

	"github.com/droverhq/drover/api"
)

// target is one side of a constraint, or what an affinity or spread looks at: a
// literal, or a property of the node.
type target struct {
	property property
	key      string // the literal, or the name of the attribute or meta
}

type property int

const (
	literal property = iota
	nodeID
	nodeName
	nodeDatacenter
	nodeClass
	nodePool
	nodeRegion
	nodeAttribute
	nodeMeta
	nothing // a property that nodes don't have
)

var namedProperties = map[string]property{
	"node.unique.id":   nodeID,
	"node.unique.name": nodeName,
	"node.datacenter":  nodeDatacenter,
	"node.class":       nodeClass,
	"node.pool":        nodePool,
	"node.region":      nodeRegion,
}

// parseTarget reads a literal or ${…}.
func parseTarget(s string) target {
	name, isProperty := strings.CutPrefix(s, "${")
	if !isProperty {
		return target{literal, s}
	}
	name = strings.TrimSuffix(name, "}")
	if p, ok := namedProperties[name]; ok {
		return target{property: p}
	}
	if key, ok := strings.CutPrefix(name, "attr."); ok {
		return target{nodeAttribute, key}
	}
	if key, ok := strings.CutPrefix(name, "meta."); ok {
		return target{nodeMeta, key}
	}
	return target{property: nothing}
}

// of returns the target's value for a node. A property that the node does not have
// is not found.
func (t target) of(n *api.Node, region string) (value string, found bool) {
	switch t.property {
	case literal:
		return t.key, true
	case nodeID:
		return n.ID, true
	case nodeName:
		return n.Name, true
	case nodeDatacenter:
		return n.Datacenter, true
	case nodeClass:
		return n.NodeClass, true
	case nodePool:
		return poolOf(n), true
	case nodeRegion:
		return region, true
	case nodeAttribute:
		value, found = n.Attributes[t.key]
	case nodeMeta:
		value, found = n.Meta[t.key]
	}
	return value, found
}

// unique reports whether nodes of one class may differ in it.
func (t target) unique() bool {
	switch t.property {
	case nodeID, nodeName:
		return true
	case nodeAttribute, nodeMeta:
		return strings.HasPrefix(t.key, uniquePrefix)
	}
	return false
}

func poolOf(n *api.Node) string {
	if n.NodePool == "" {
		return api.DefaultNodePool
	}
	return n.NodePool
}
