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
	// JobVersion is the version of the job that is spoken of. A new version of an
	// admitted job is admitted while the job goes on; one of a job that had ended is
	// a new run, and waits again.
	JobVersion uint64
	Admitted   bool
	Reason     string // what it waits for, for people; empty when admitted
	Since      int64  // when Admitted last changed, Unix nanoseconds
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

// Of reports whether the admission speaks of a job as it is now. It may be nil.
func (a *JobAdmission) Of(j *Job) bool {
	return a != nil && a.JobCreateIndex == Deref(j.CreateIndex) && a.JobVersion == Deref(j.Version)
}

// Limited reports whether the job is one of those children of a parameterized job, or
// of a periodic one that was dispatched, of which only so many may run at once.
func (j *Job) Limited() bool {
	return j.Dispatched && !j.IsTemplate() && Deref(j.ParentID) != "" && j.ParameterizedJob != nil && j.ParameterizedJob.MaxConcurrent != nil
}

// NeedsAdmission reports whether a job may only begin when its JobAdmission says so:
// because it depends on other jobs, or because only so many children of its parent may
// run at once. A template places nothing itself; its children wait.
func (j *Job) NeedsAdmission() bool {
	return !j.IsTemplate() && (len(j.DependsOn) > 0 || j.Limited())
}
