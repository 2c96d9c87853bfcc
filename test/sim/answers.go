package sim

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// evaluationsAreAnswered: whoever asked for a look at a job has got it.
func evaluationsAreAnswered(m *model) error {
	for _, e := range m.evals {
		if e.Status == api.EvalPending {
			return fmt.Errorf("evaluation %s of %s is pending", short(e.ID), e.JobID)
		}
	}
	return nil
}

// whoWaitsHasAReason: what could not be placed is left to one blocked evaluation, which
// says why; of a job that has to wait for others its status does.
func whoWaitsHasAReason(m *model) error {
	blocked := make(map[string]int)
	for _, e := range m.evals {
		if e.Status == api.EvalBlocked {
			if blocked[e.JobID]++; blocked[e.JobID] > 1 {
				return fmt.Errorf("job %s waits twice", e.JobID)
			}
		}
	}
	for _, j := range m.jobs {
		if j.status == nil {
			continue
		}
		e := m.evals[j.status.BlockedEval]
		switch {
		case j.job != nil && j.waits() && !m.admitted(j):
			if j.status.Status == api.JobStatusPending && j.status.StatusDescription == "" {
				return fmt.Errorf("job %s waits for others, and its status does not say for whom", j.id)
			}
		case (len(j.status.Queued) > 0) != (j.status.BlockedEval != ""):
			return fmt.Errorf("job %s has %v queued and waits by evaluation %q", j.id, j.status.Queued, j.status.BlockedEval)
		case len(j.status.Queued) == 0:
		case e == nil || e.Status != api.EvalBlocked || len(e.FailedTGAllocs) == 0:
			return fmt.Errorf("job %s has %v queued and no evaluation that says why", j.id, j.status.Queued)
		}
	}
	return nil
}

// jobStatusSaysWhatIsSo: a job is dead if and only if nothing of it runs or is to.
func jobStatusSaysWhatIsSo(m *model) error {
	for _, j := range m.jobs {
		switch {
		case j.job == nil && j.status == nil:
			continue
		case j.job == nil:
			return fmt.Errorf("job %s is gone and has a status", j.id)
		case j.status == nil:
			return fmt.Errorf("job %s has no status", j.id)
		}
		live := 0
		for _, a := range j.allocs {
			if a.live() && a.CreateIndex >= api.Deref(j.job.CreateIndex) {
				live++
			}
		}
		switch {
		case j.status.Status != api.JobStatusDead:
		case live > 0:
			return fmt.Errorf("job %s is dead and has %d live instances", j.id, live)
		case len(j.status.Queued) > 0:
			return fmt.Errorf("job %s is dead and has %v queued", j.id, j.status.Queued)
		case !j.job.Stopped() && api.Deref(j.job.Type) == api.JobTypeSystem:
			return fmt.Errorf("system job %s is dead and not stopped", j.id)
		}
		if j.job.Stopped() && live == 0 && j.status.Status != api.JobStatusDead && !j.ending() {
			return fmt.Errorf("job %s is stopped, nothing of it runs, and it is %s", j.id, j.status.Status)
		}
	}
	return nil
}

// ending reports whether something of a job that is told to stop has not ended.
func (j *jobView) ending() bool {
	for _, a := range j.allocs {
		if !a.ended() {
			return true
		}
	}
	return false
}
