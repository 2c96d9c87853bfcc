package api

// PeriodicLaunch is the latest launch of a periodic job. It is written together with
// the child that it tells of, so that a launch is made once, whoever leads.
type PeriodicLaunch struct {
	ObjectMeta `msg:"-"`
	Namespace  string
	JobID      string
	// Due is the moment for which the latest child was launched, or which was passed
	// over because of prohibit_overlap; nothing due before it is launched any more.
	// Unix nanoseconds.
	Due int64
	// Launched is when the latest child was really launched; 0: none was. Unix
	// nanoseconds.
	Launched int64
}

// Key implements Object.
func (l *PeriodicLaunch) Key() Key {
	if l == nil {
		return Key{Kind: KindPeriodicLaunch}
	}
	return PeriodicLaunchKey(l.Namespace, l.JobID)
}

// PeriodicLaunchKey returns the key of the latest launch of a job.
func PeriodicLaunchKey(namespace, jobID string) Key {
	return Key{Kind: KindPeriodicLaunch, Namespace: namespace, ID: jobID}
}
