package scheduler

import "github.com/droverhq/drover/api"

// affinities is what a group would like of its node, with weights.
type affinities struct {
	conditions []*condition
	weights    []float64
	total      float64 // sum of the weights without their signs
	// unique says that nodes of one class may be liked differently.
	unique bool
}

func newAffinities(job *api.Job, g *api.TaskGroup) affinities {
	var a affinities
	region := regionOf(job)
	a.add(job.Affinities, region)
	a.add(g.Affinities, region)
	for _, t := range g.Tasks {
		a.add(t.Affinities, region)
	}
	return a
}

func (a *affinities) add(list []*api.Affinity, region string) {
	for _, affinity := range list {
		weight := float64(api.Deref(affinity.Weight))
		if weight == 0 {
			continue
		}
		c := newCondition(affinity.LTarget, affinity.Operand, affinity.RTarget, region)
		a.conditions = append(a.conditions, c)
		a.weights = append(a.weights, weight)
		a.total += max(weight, -weight)
		a.unique = a.unique || c.unique()
	}
}

func (a *affinities) any() bool { return len(a.conditions) > 0 }

// score returns the sum of the weights of the affinities that a node meets, as a
// part of the sum of all weights without their signs: −1 to 1.
func (a *affinities) score(n *api.Node) float64 {
	if !a.any() {
		return 0
	}
	sum := 0.0
	for i, c := range a.conditions {
		if c.met(n) {
			sum += a.weights[i]
		}
	}
	return sum / a.total
}
