package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// arrayOf makes a group indexed: completions=5 parallelism=2 [tries=1] [max_failed=0].
func arrayOf(o Op) *api.IndexedStrategy {
	x := &api.IndexedStrategy{Completions: new(o.int("completions", 1)), Parallelism: new(o.int("parallelism", 1))}
	if tries := o.int("tries", -1); tries >= 0 {
		x.Attempts = &tries
	}
	if most := o.int("max_failed", -1); most >= 0 {
		x.MaxFailed = &most
	}
	return x
}

// part is an index of an indexed group, in one version of its job.
type part struct {
	version uint64
	group   string
	index   int
}

// noteDone remembers that an instance did what an index is for, should it have.
func (j *jobView) noteDone(a *allocView) {
	if a.did() && j.job != nil && a.CreateIndex >= *j.job.CreateIndex {
		j.done[part{a.JobVersion, a.TaskGroup, a.Index()}] = max(a.ModifyIndex, a.status.ModifyIndex)
	}
}

// indexed returns the indexed groups of a job, by name.
func (j *jobView) indexed() map[string]*api.TaskGroup {
	var out map[string]*api.TaskGroup
	if j.job == nil {
		return nil
	}
	for _, g := range j.job.TaskGroups {
		if g.Indexed != nil {
			if out == nil {
				out = make(map[string]*api.TaskGroup)
			}
			out[*g.Name] = g
		}
	}
	return out
}

// eachIndexCompletesOnce: no index is run that has been done, nor while one who had it
// has not ended.
func eachIndexCompletesOnce(m *model, changes []change) error {
	for _, a := range created(changes) {
		j := m.jobOf(a.JobID)
		if j.indexed()[a.TaskGroup] == nil {
			continue
		}
		if known, done := j.done[part{a.JobVersion, a.TaskGroup, a.Index()}]; done && known <= m.world.basis {
			return fmt.Errorf("%s is run again, which has been done", a.Name)
		}
		for _, other := range j.allocs {
			if other.ID != a.ID && other.Name == a.Name && !other.ended() && !m.news(other) {
				return fmt.Errorf("%s is run as %s while %s has not ended", a.Name, short(a.ID), short(other.ID))
			}
		}
	}
	return nil
}

// parallelismIsKept: a placement makes no more instances of an indexed group that have
// not ended than may run at a time.
func parallelismIsKept(m *model, changes []change) error {
	for _, a := range created(changes) {
		j := m.jobOf(a.JobID)
		g := j.indexed()[a.TaskGroup]
		if g == nil {
			continue
		}
		running := 0
		for _, other := range j.allocs {
			if other.TaskGroup == a.TaskGroup && !other.ended() && (!m.news(other) || other.CreateIndex == a.CreateIndex) {
				running++
			}
		}
		if most := *g.Indexed.Parallelism; running > most {
			return fmt.Errorf("%s is placed: %d of group %s run at a time, %d may", a.Name, running, a.TaskGroup, most)
		}
	}
	return nil
}

// progressIsTrue: what a job's status says is done was done, and what it says has failed
// for good did, and had no attempts left. What is done stays so.
func progressIsTrue(m *model, changes []change) error {
	for _, c := range changes {
		now, ok := c.new.(*api.JobStatus)
		if !ok {
			continue
		}
		before, _ := c.old.(*api.JobStatus)
		j := m.jobOf(now.JobID)
		for group, g := range j.indexed() {
			if err := j.progressed(g, j.progress(before, group), j.progress(now, group)); err != nil {
				return fmt.Errorf("job %s, group %s: %w", j.id, group, err)
			}
		}
	}
	return nil
}

// progress is how far a status says that an indexed group of the current version is.
func (j *jobView) progress(s *api.JobStatus, group string) api.IndexProgress {
	if s == nil || s.Indexed[group] == nil || s.Indexed[group].JobVersion != *j.job.Version {
		return api.IndexProgress{JobVersion: *j.job.Version}
	}
	return *s.Indexed[group]
}

func (j *jobView) progressed(g *api.TaskGroup, before, after api.IndexProgress) error {
	for n := range *g.Indexed.Completions {
		done := part{after.JobVersion, *g.Name, n}
		switch {
		case before.Completed.Has(n) && !after.Completed.Has(n):
			return fmt.Errorf("index %d was done, and is not", n)
		case after.Completed.Has(n) && after.Failed.Has(n):
			return fmt.Errorf("index %d is done, and has failed", n)
		case after.Completed.Has(n) && !before.Completed.Has(n) && j.done[done] == 0:
			return fmt.Errorf("index %d is said to be done, and nobody did it", n)
		case after.Failed.Has(n) && !before.Failed.Has(n) && !j.failedIndex(g, done):
			return fmt.Errorf("index %d is said to have failed for good, and is to be tried again", n)
		}
	}
	return nil
}

// failedIndex reports whether some instance of an index failed, and its policy has no
// attempts left.
func (j *jobView) failedIndex(g *api.TaskGroup, at part) bool {
	for _, a := range j.allocs {
		if a.TaskGroup != at.group || a.Index() != at.index || a.JobVersion != at.version || a.status == nil || a.status.ClientStatus != api.AllocClientFailed {
			continue
		}
		if _, again := g.ReschedulePolicy.Next(a.RescheduleTracker, a.status.EndedAt()); !again {
			return true
		}
	}
	return false
}

// progressMissesNothing: what was done of an indexed group is in its job's status. With
// more that failed than may, the job has ended.
func progressMissesNothing(m *model) error {
	for _, j := range m.jobs {
		for group, g := range j.indexed() {
			if j.status == nil || j.job.Stopped() || j.job.IsTemplate() {
				continue
			}
			p := j.status.Indexed[group]
			for _, at := range slices.SortedFunc(maps.Keys(j.done), func(a, b part) int { return a.index - b.index }) {
				if at.group == group && at.version == *j.job.Version && at.index < *g.Indexed.Completions && (p == nil || !p.Completed.Has(at.index)) && !j.overdue(m.world.leader.Now()) {
					return fmt.Errorf("index %d of group %s of job %s was done, and its status says %v", at.index, group, j.id, p)
				}
			}
			if p == nil || g.Indexed.MaxFailed == nil || p.Failed.Len() <= *g.Indexed.MaxFailed || p.JobVersion != *j.job.Version {
				continue
			}
			if s := j.status; s.Status != api.JobStatusDead || s.Outcome != api.JobOutcomeFailed {
				return fmt.Errorf("of group %s of job %s %s, %d may, and it is %s %s", group, j.id, p, *g.Indexed.MaxFailed, s.Status, s.Outcome)
			}
		}
	}
	return nil
}

// indexesLeft says, at rest, whether an indexed group does as much as it may of what is
// left to do.
func (j *jobView) indexesLeft(g *api.TaskGroup) error {
	p := j.status.Indexed[*g.Name]
	if p == nil || p.JobVersion != *j.job.Version {
		return fmt.Errorf("nothing says how far group %s of job %s is", *g.Name, j.id)
	}
	if j.givenUp() {
		return nil
	}
	under := j.status.Queued[*g.Name]
	for _, a := range j.allocs {
		if a.TaskGroup == *g.Name && (!a.ended() || a.failedInPlace()) {
			under++
		}
	}
	if left := p.Completions - p.Done(); under < min(left, *g.Indexed.Parallelism) {
		return fmt.Errorf("group %s of job %s is at %s, and %d are under way or wait", *g.Name, j.id, p, under)
	}
	return nil
}

// givenUp reports whether more indexes of a group have failed than may: then all of the job
// has ended.
func (j *jobView) givenUp() bool {
	for name, g := range j.indexed() {
		p := j.status.Indexed[name]
		if most := g.Indexed.MaxFailed; most != nil && p != nil && p.JobVersion == *j.job.Version && p.Failed.Len() > *most {
			return true
		}
	}
	return false
}

// nothingDoneRunsOn: no instance is to run of an index that has been done.
func nothingDoneRunsOn(m *model) error {
	for _, j := range m.jobs {
		for group := range j.indexed() {
			p := j.progress(j.status, group)
			for _, a := range j.allocs {
				if a.TaskGroup == group && a.live() && a.CreateIndex >= *j.job.CreateIndex && p.Completed.Has(a.Index()) {
					return fmt.Errorf("%s (%s) is to run, and progress is %s", a.Name, short(a.ID), &p)
				}
			}
		}
	}
	return nil
}
