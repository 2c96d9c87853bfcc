package api

// JobAdmission says whether a job that has to wait for others (Job.NeedsAdmission)
// may begin. A job without one waits.
type JobAdmission struct {
	ObjectMeta `msg:"-"`
	Namespace  string
	JobID      string
	// JobCreateIndex is that of the job that is spoken of: one that is purged and
	// registered again waits again.
	JobCreateIndex uint64
	Admitted       bool
	Reason         string // what it waits for, for people; empty when admitted
	Since          int64  // when Admitted last changed, Unix nanoseconds
}

// Key implements Object.
func (a *JobAdmission) Key() Key {
	if a == nil {
		return Key{Kind: KindJobAdmission}
	}
	return JobAdmissionKey(a.Namespace, a.JobID)
}

// JobAdmissionKey returns the key of the admission of a job.
func JobAdmissionKey(namespace, jobID string) Key {
	return Key{Kind: KindJobAdmission, Namespace: namespace, ID: jobID}
}

// NeedsAdmission reports whether a job may only begin when its JobAdmission says so:
// because it depends on other jobs, or because only so many children of its parent may
// run at once.
func (j *Job) NeedsAdmission() bool {
	limited := j.Dispatched && j.ParameterizedJob != nil && j.ParameterizedJob.MaxConcurrent != nil
	return len(j.DependsOn) > 0 || limited
}
