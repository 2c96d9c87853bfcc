package jobspec

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/cron"
)

// periodic checks when a job is launched.
func (v *validator) periodic(p place, job *api.Job) {
	periodic := job.Periodic
	if periodic == nil {
		return
	}
	if !job.IsBatch() {
		p.addf("only a job of type batch or sysbatch is launched by the clock, as it ends by itself; this one is of type %s", api.Deref(job.Type))
	}
	if kind := api.Deref(periodic.SpecType); kind != "" {
		p.oneOf("spec type", kind, specTypeCron)
	}
	crons := periodic.Crons()
	switch {
	case api.Deref(periodic.Spec) != "" && len(periodic.Specs) > 0:
		p.addf("cron and crons exclude each other; write them all in crons")
	case len(crons) == 0:
		p.in("crons").addf(`a cron is needed: crons = ["0 3 * * *"]`)
	case len(crons) > cron.MaxCrons:
		p.in("crons").addf("there are %d; there may be %d", len(crons), cron.MaxCrons)
		return
	}
	for _, text := range crons {
		if _, err := cron.Parse([]string{text}, ""); err != nil {
			p.in("crons").addf("%v", err)
		}
	}
	if _, err := cron.Zone(api.Deref(periodic.TimeZone)); err != nil {
		p.in("time_zone").addf("%v", err)
	}
}

// parameterized checks what a job may be dispatched with.
func (v *validator) parameterized(p place, job *api.Job) {
	parameterized := job.ParameterizedJob
	if parameterized == nil {
		return
	}
	if !job.IsBatch() {
		p.addf("only a job of type batch or sysbatch is dispatched, as it ends by itself; this one is of type %s", api.Deref(job.Type))
	}
	p.in("payload").oneOf("payload", parameterized.Payload, payloadOptional, payloadRequired, payloadForbidden)
	metaKeys(p.in("meta_required"), parameterized.MetaRequired)
	metaKeys(p.in("meta_optional"), parameterized.MetaOptional)
	for _, key := range parameterized.MetaRequired {
		if slices.Contains(parameterized.MetaOptional, key) {
			p.addf("meta key %q can't be required and optional at once", key)
		}
	}
}

func metaKeys(p place, keys []string) {
	for i, key := range keys {
		switch {
		case key == "":
			p.addf("a key must not be empty")
		case slices.Contains(keys[:i], key):
			p.addf("key %q is there twice", key)
		}
	}
}

// dispatchPayload checks where a task gets the payload of its job.
func (v *validator) dispatchPayload(p place, job *api.Job, payload *api.DispatchPayloadConfig) {
	if payload == nil {
		return
	}
	switch {
	case payload.File == "":
		p.in("file").addf("the name of the file is missing, in the task's local directory")
	case !filepath.IsLocal(payload.File):
		p.in("file").addf("%q is outside of the task's local directory", payload.File)
	}
	switch {
	case job.ParameterizedJob == nil:
		p.warnf("has no effect: the job has no parameterized block, so it never has a payload")
	case job.ParameterizedJob.Payload == payloadForbidden:
		p.warnf("has no effect: the parameterized block forbids a payload")
	}
}

// shownLaunches is how many of the next launches a warning shows.
const shownLaunches = 5

// ScheduleWarnings says what will be otherwise than the author of a valid job may
// expect of its launches, with the next ones.
func ScheduleWarnings(job *api.Job, now time.Time) []string {
	if job.Periodic == nil {
		return nil
	}
	schedule, err := cron.Of(job.Periodic)
	if err != nil {
		return nil // Validate says it
	}
	var warnings []string
	if schedule.Next(now).IsZero() {
		warnings = append(warnings, "periodic: the job will never be launched: all times that its crons match are past")
	}
	for _, text := range job.Periodic.Crons() {
		one, err := cron.Parse([]string{text}, api.Deref(job.Periodic.TimeZone))
		if err != nil {
			continue
		}
		if why := one.Hasty(); why != "" {
			warnings = append(warnings, "periodic: "+why+launchTimes(one.NextN(now, shownLaunches)))
		}
	}
	return warnings
}

// launchTimes continues a sentence with launches.
func launchTimes(launches []time.Time) string {
	if len(launches) == 0 {
		return ""
	}
	text := "; the next launches are"
	for _, at := range launches {
		text += " " + at.Format(time.RFC3339)
	}
	return text
}
