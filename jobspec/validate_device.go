package jobspec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// maxDevices is more than a node has of a kind.
const maxDevices = 4096

// checkDevices checks what a task asks for of its node's devices.
func checkDevices(p place, list []*api.RequestedDevice) {
	for _, d := range list {
		at := p.in("device %q", d.Name)
		if kind := strings.SplitN(d.Name, "/", 3); slices.Contains(kind, "") {
			at.addf(`a device is named by type, vendor/type or vendor/type/name: "gpu", "nvidia/gpu", "nvidia/gpu/1080ti"`)
		}
		if count := api.Deref(d.Count); count < 1 || count > maxDevices {
			at.in("count").addf("a task has from 1 to %d devices of a kind", maxDevices)
		}
		for _, c := range d.Constraints {
			in := at.in("constraint")
			if c.Operand == api.OperandDistinctHosts || c.Operand == api.OperandDistinctProperty {
				in.addf("%s is about whole instances: move it to the group or the job", c.Operand)
				continue
			}
			checkConstraint(in, c)
			checkDeviceTargets(in, c.LTarget, c.RTarget)
		}
		for _, a := range d.Affinities {
			in := at.in("affinity")
			checkAffinity(in, a)
			checkDeviceTargets(in, a.LTarget, a.RTarget)
		}
	}
}

// deviceProperties are what conditions on devices can name, beside attributes.
var deviceProperties = []string{"device.type", "device.vendor", "device.model", "device.ids"}

const deviceAttribute = "device.attr."

// checkDeviceTargets refuses what devices don't have: it would hold for none.
func checkDeviceTargets(p place, targets ...string) {
	for _, target := range targets {
		name, isProperty := strings.CutPrefix(target, "${")
		name = strings.TrimSuffix(name, "}")
		if !isProperty || strings.HasPrefix(name, deviceAttribute) || slices.Contains(deviceProperties, name) {
			continue
		}
		known := fmt.Sprintf("%sNAME}", "${"+deviceAttribute)
		for _, property := range deviceProperties {
			known += ", ${" + property + "}"
		}
		p.addf("devices have no %s; they have %s.%s", target, known, suggest(name, deviceProperties))
	}
}
