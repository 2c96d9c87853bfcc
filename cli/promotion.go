package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// awaitsPromotion returns the groups whose canaries are all healthy and wait for an
// operator, if nothing else is left to wait for.
func (p *progress) awaitsPromotion() []string {
	d := p.deployment()
	if d == nil || d.Status != api.DeploymentRunning || !d.Promotable() {
		return nil
	}
	var waiting []string
	byHand := false
	for name, state := range d.TaskGroups {
		if !state.OnTrial() {
			if state.HealthyAllocs < state.DesiredTotal {
				return nil
			}
			continue
		}
		if p.healthyCanaries(name) < state.DesiredCanaries {
			return nil
		}
		byHand = byHand || !state.AutoPromote
		waiting = append(waiting, name)
	}
	if !byHand {
		return nil
	}
	slices.Sort(waiting)
	return waiting
}

func (p *progress) healthyCanaries(group string) int {
	n := 0
	for _, a := range p.allocs {
		h := a.DeploymentStatus
		if p.current(a) && a.TaskGroup == group && a.DesiredStatus == api.AllocDesiredRun && a.ClientStatus == api.AllocClientRunning &&
			h != nil && h.Canary && api.Deref(h.Healthy) {
			n++
		}
	}
	return n
}

// promotionText says what to do about canaries that wait.
func (p *progress) promotionText() string {
	groups := p.awaitsPromotion()
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("the canaries of %s are healthy and wait to be promoted; the older version keeps its instances until then\n  go on:     drover job promote %s\n  take back: drover deployment fail %s",
		strings.Join(groups, ", "), api.Deref(p.job.ID), shortIDs.of(p.deployment().ID))
}
