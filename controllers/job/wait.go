package job

// undecided reports whether a job has to wait for others, or not, as nobody has said
// which yet: until the admission controller has looked at this version of it, nothing
// is done, and who asked for a pass gets his answer then.
func (v *view) undecided() bool {
	return !v.stopped() && v.job.NeedsAdmission() && !v.admission.Of(v.job) && !v.overdue()
}

// waits reports whether a job may not begin yet. One whose deadline has passed never will.
func (v *view) waits() bool {
	return !v.stopped() && v.job.NeedsAdmission() && v.admission.Of(v.job) && !v.admission.Admitted && !v.overdue()
}

// hold keeps back what would be placed.
func (g *groupPlan) hold() {
	g.held, g.wants, g.more, g.inPlace = len(g.wants)+g.more, nil, 0, nil
	g.counts.Ignore += g.counts.InPlaceUpdate
	g.counts.Place, g.counts.Migrate, g.counts.DestructiveUpdate, g.counts.RescheduleNow, g.counts.InPlaceUpdate = 0, 0, 0, 0, 0
	g.counts.Stop = uint64(len(g.stop))
}
