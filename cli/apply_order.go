package cli

import (
	"cmp"

	"github.com/droverhq/drover/api"
)

// inOrder returns jobs so that each comes after those of them that it depends on, and
// otherwise as they come: each is followed to its end before the next is submitted. Jobs
// of a circle stay as they come: servers refuse one of them. namespace is that of jobs
// which name none.
func inOrder(jobs []*parsedJob, namespace string) []*parsedJob {
	key := func(j *api.Job) api.Key {
		return api.JobKey(cmp.Or(api.Deref(j.Namespace), namespace), api.Deref(j.ID))
	}
	byKey := make(map[api.Key]*parsedJob, len(jobs))
	for _, j := range jobs {
		byKey[key(j.Job)] = j
	}
	out := make([]*parsedJob, 0, len(jobs))
	seen := make(map[*parsedJob]bool, len(jobs))
	var add func(*parsedJob)
	add = func(j *parsedJob) {
		if j == nil || seen[j] {
			return
		}
		seen[j] = true
		for _, d := range j.Job.DependsOn {
			add(byKey[api.JobKey(cmp.Or(d.Namespace, api.Deref(j.Job.Namespace), namespace), d.Job)])
		}
		out = append(out, j)
	}
	for _, j := range jobs {
		add(j)
	}
	return out
}
