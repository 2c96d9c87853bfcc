package jobspec

import "github.com/droverhq/drover/api"

// maxCores is more than a node has: cores have numbers of 16 bits.
const maxCores = 1 << 16

// checkCPU checks what a task asks for of its node's cores: shares of them, or whole
// ones.
func checkCPU(p place, resources *api.Resources) {
	cores := api.Deref(resources.Cores)
	switch {
	case cores < 0 || cores > maxCores:
		p.in("cores").addf("a task has from 1 to %d cores", maxCores)
	case cores > 0 && api.Deref(resources.CPU) != 0:
		p.in("cores").addf("a task asks for shares (cpu) or for whole cores; remove one of the two")
	case cores == 0 && api.Deref(resources.CPU) < minCPU:
		p.in("cpu").addf("a task needs %d MHz at least", minCPU)
	}
	numa := resources.NUMA
	if numa == nil {
		return
	}
	p = p.in("numa")
	p.oneOf("affinity", numa.Affinity, api.NUMANone, api.NUMAPrefer, api.NUMARequire)
	if cores == 0 {
		p.addf("numa says which cores a task has; it needs cores")
	}
	if len(numa.Devices) > 0 {
		p.in("devices").unsupported("devices near the cores of a task")
	}
}
