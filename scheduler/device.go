package scheduler

import (
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// deviceAsk is a wish of a task for some devices of one kind of a node's.
type deviceAsk struct {
	task        string
	kind        api.DeviceKind
	count       int
	constraints []*deviceCondition
	affinities  []*deviceCondition
	weights     []float64 // of the affinities
}

// devicesWanted returns what the tasks of a group want of devices.
func devicesWanted(g *api.TaskGroup) []deviceAsk {
	var asks []deviceAsk
	var q quantities
	for _, t := range g.Tasks {
		if t.Resources == nil {
			continue
		}
		for _, d := range t.Resources.Devices {
			if q.units == nil {
				q.units = units()
			}
			asks = append(asks, newDeviceAsk(t.Name, d, q))
		}
	}
	return asks
}

func newDeviceAsk(task string, d *api.RequestedDevice, q quantities) deviceAsk {
	ask := deviceAsk{task: task, kind: api.ParseDeviceKind(d.Name), count: 1}
	if d.Count != nil {
		const most = 1 << 20 // a node has less
		ask.count = int(min(*d.Count, most))
	}
	for _, c := range d.Constraints {
		ask.constraints = append(ask.constraints, newDeviceCondition(c.LTarget, c.Operand, c.RTarget, q))
	}
	for _, a := range d.Affinities {
		ask.affinities = append(ask.affinities, newDeviceCondition(a.LTarget, a.Operand, a.RTarget, q))
		ask.weights = append(ask.weights, float64(api.Deref(a.Weight)))
	}
	return ask
}

// suits reports whether devices of a node are of the kind and meet the constraints,
// but for those about single devices, of which nodes of one class have others.
func (a *deviceAsk) suits(d *api.NodeDeviceResource) bool {
	if !a.kind.Includes(d) {
		return false
	}
	return !slices.ContainsFunc(a.constraints, func(c *deviceCondition) bool { return !c.aboutIDs() && !c.met(d) })
}

// takes reports whether the constraints about single devices allow one of them.
func (a *deviceAsk) takes(d *api.NodeDeviceResource, id string) bool {
	return !slices.ContainsFunc(a.constraints, func(c *deviceCondition) bool { return c.aboutIDs() && !c.metBy(d, id) })
}

// score returns the sum of the weights of the affinities that devices meet.
func (a *deviceAsk) score(d *api.NodeDeviceResource) (sum float64) {
	for i, c := range a.affinities {
		if c.met(d) {
			sum += a.weights[i]
		}
	}
	return sum
}

// deviceCondition compares two targets, of which devices have some.
type deviceCondition struct {
	left, right deviceTarget
	operand     string
	texts       comparison // of operands that look at texts
	quantities  quantities
}

func newDeviceCondition(left, operand, right string, q quantities) *deviceCondition {
	return &deviceCondition{
		left: newDeviceTarget(left, q), right: newDeviceTarget(right, q), operand: operand,
		texts: comparisonFor(operand), quantities: q,
	}
}

// aboutIDs reports whether the condition is about single devices.
func (c *deviceCondition) aboutIDs() bool {
	return c.left.property == deviceIDs || c.right.property == deviceIDs
}

func (c *deviceCondition) met(d *api.NodeDeviceResource) bool {
	left, leftFound := c.left.of(d, c.quantities)
	right, rightFound := c.right.of(d, c.quantities)
	return c.holds(left, right, leftFound, rightFound)
}

// metBy reports whether a condition about IDs allows one of the devices. The operands on
// sets are about the IDs of all of them, and then allow those that they name; others are
// about each ID by itself.
func (c *deviceCondition) metBy(d *api.NodeDeviceResource, id string) bool {
	one := quantity{text: id}
	named := c.right
	if c.left.property != deviceIDs {
		named = c.left
	}
	value, found := named.of(d, c.quantities)
	switch c.operand {
	case api.OperandSetContains, api.OperandSetContainsAll, api.OperandSetContainsAny:
		return c.met(d) && c.holds(value, one, found, true)
	}
	if c.left.property == deviceIDs {
		return c.holds(one, value, true, found)
	}
	return c.holds(value, one, found, true)
}

func (c *deviceCondition) holds(left, right quantity, leftFound, rightFound bool) bool {
	switch c.operand {
	case api.OperandEqual, "==", "is", api.OperandLess, api.OperandLessOrEqual, api.OperandGreater, api.OperandGreaterOrEqual,
		api.OperandNotEqual, "not":
	default:
		return c.texts(left.text, right.text, leftFound, rightFound)
	}
	differ := c.operand == api.OperandNotEqual || c.operand == "not"
	if !leftFound || !rightFound {
		return differ && leftFound != rightFound
	}
	order, ok := left.compare(right)
	switch {
	case !ok:
		return false
	case differ:
		return order != 0
	case left.truth != nil && right.truth != nil: // truth values have no order
		return order == 0 && inOrder(c.operand, order)
	}
	return inOrder(c.operand, order)
}

// deviceTarget is one side of a condition on devices.
type deviceTarget struct {
	property deviceProperty
	literal  quantity
	key      string // of an attribute
}

type deviceProperty int

const (
	deviceLiteral deviceProperty = iota
	deviceType
	deviceVendor
	deviceModel
	deviceIDs
	deviceAttribute
	deviceNothing // what devices don't have
)

func newDeviceTarget(s string, q quantities) deviceTarget {
	name, isProperty := strings.CutPrefix(s, "${")
	if !isProperty {
		return deviceTarget{literal: q.literal(s)}
	}
	name = strings.TrimSuffix(name, "}")
	switch name {
	case "device.type":
		return deviceTarget{property: deviceType}
	case "device.vendor":
		return deviceTarget{property: deviceVendor}
	case "device.model":
		return deviceTarget{property: deviceModel}
	case "device.ids":
		return deviceTarget{property: deviceIDs}
	}
	if key, ok := strings.CutPrefix(name, "device.attr."); ok {
		return deviceTarget{property: deviceAttribute, key: key}
	}
	return deviceTarget{property: deviceNothing}
}

func (t deviceTarget) of(d *api.NodeDeviceResource, q quantities) (value quantity, found bool) {
	switch t.property {
	case deviceLiteral:
		return t.literal, true
	case deviceType:
		return quantity{text: d.Type}, true
	case deviceVendor:
		return quantity{text: d.Vendor}, true
	case deviceModel:
		return quantity{text: d.Name}, true
	case deviceIDs:
		ids := make([]string, len(d.Instances))
		for i, instance := range d.Instances {
			ids[i] = instance.ID
		}
		return quantity{text: strings.Join(ids, ",")}, true
	case deviceAttribute:
		if a := d.Attributes[t.key]; a != nil && *a != (api.DeviceAttribute{Unit: a.Unit}) {
			return q.attribute(a), true
		}
	}
	return quantity{}, false
}
