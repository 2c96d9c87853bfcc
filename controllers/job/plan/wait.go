package plan

// Undecided reports whether a job has to wait for others, or not, as nobody has said
// which yet: until the admission controller has looked at this version of it, nothing
// is done, and who asked for a pass gets his answer then.
func (v *View) Undecided() bool {
	return !v.Stopped() && v.Job.NeedsAdmission() && !v.Admission.Of(v.Job) && !v.Overdue()
}

// Waits reports whether a job may not begin yet. One whose deadline has passed never will.
func (v *View) Waits() bool {
	return !v.Stopped() && v.Job.NeedsAdmission() && v.Admission.Of(v.Job) && !v.Admission.Admitted && !v.Overdue()
}

// hold keeps back what would be placed.
func (g *Group) hold() {
	g.Held, g.Wants, g.More, g.InPlace = len(g.Wants)+g.More, nil, 0, nil
	g.Counts.Ignore += g.Counts.InPlaceUpdate
	g.Counts.Place, g.Counts.Migrate, g.Counts.DestructiveUpdate, g.Counts.RescheduleNow, g.Counts.InPlaceUpdate = 0, 0, 0, 0, 0
	g.Counts.Stop = uint64(len(g.Stop))
}
