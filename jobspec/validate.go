package jobspec

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/droverhq/drover/api"
)

// What a job may be at most. The figures keep one job from being more than the
// store, a controller's pass or a node agent can take at once.
const (
	maxJobBytes   = 8 << 20   // of the stored form, of which a transaction holds two
	maxIDBytes    = 512       // of a job's ID
	maxLabelBytes = 128       // of the name of a group, task or port: tasks are folders
	maxGroups     = 5000      // in a job
	maxTasks      = 100       // in a group
	maxCount      = 2_000_000 // instances of a job
)

// Validate checks a canonical job. The error is an *api.InvalidError that lists
// everything that is wrong, each with the place in the job. What drover does not do
// yet is refused with "not supported: …", and never ignored. The warnings say what
// will hold otherwise than the user may expect.
func Validate(job *api.Job) (warnings []string, err error) {
	v := &validator{invalid: &api.InvalidError{What: fmt.Sprintf("job %q", api.Deref(job.ID))}}
	v.job(job)
	if size := job.Msgsize(); size > maxJobBytes && len(v.invalid.Fields) == 0 {
		if b, err := job.MarshalMsg(nil); err != nil || len(b) > maxJobBytes {
			v.at("").addf("the job takes %d bytes; it may take %d. Large templates and files are better fetched by the tasks", len(b), maxJobBytes)
		}
	}
	return v.warnings, v.invalid.OrNil()
}

// WarningText joins warnings as answers carry them; it is empty for none.
func WarningText(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	count := "1 warning"
	if len(warnings) > 1 {
		count = fmt.Sprintf("%d warnings", len(warnings))
	}
	return count + ":\n\n* " + strings.Join(warnings, "\n* ")
}

// validator collects what is wrong with a job.
type validator struct {
	invalid  *api.InvalidError
	warnings []string
}

// place is a part of the job, as messages name it.
type place struct {
	v    *validator
	path string
}

func (v *validator) at(path string) place { return place{v, path} }

// in returns a place inside this one.
func (p place) in(format string, args ...any) place {
	path := fmt.Sprintf(format, args...)
	if p.path != "" {
		path = p.path + " > " + path
	}
	return place{p.v, path}
}

func (p place) addf(format string, args ...any) {
	p.v.invalid.Add(p.path, fmt.Sprintf(format, args...))
}

// unsupported refuses what drover does not do yet.
func (p place) unsupported(what string) { p.v.invalid.Add(p.path, "not supported: "+what) }

func (p place) warnf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if p.path != "" {
		message = p.path + ": " + message
	}
	p.v.warnings = append(p.v.warnings, message)
}

// oneOf checks a word of the job language.
func (p place) oneOf(name, word string, known ...string) {
	for _, k := range known {
		if word == k {
			return
		}
	}
	hint := suggest(word, known)
	if hint != "" {
		hint = "." + hint
	}
	p.addf("%s %q is not known; it is one of %s%s", name, word, strings.Join(known, ", "), hint)
}

func (p place) notNegative(name string, value int64) {
	if value < 0 {
		p.addf("%s must not be negative", name)
	}
}

var (
	namespacePattern = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)
	poolPattern      = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
)

func (v *validator) job(job *api.Job) {
	p := v.at("")
	v.jobID(p, job)
	p.in("type").oneOf("type", api.Deref(job.Type), api.JobTypeService, api.JobTypeBatch, api.JobTypeSystem, api.JobTypeSysBatch)
	if priority := api.Deref(job.Priority); priority < 1 || priority > api.MaxJobPriority {
		p.in("priority").addf("job priority must be between [1, %d]", api.MaxJobPriority)
	}
	if api.Deref(job.Region) == "" {
		p.in("region").addf("a region is required")
	}
	if !namespacePattern.MatchString(api.Deref(job.Namespace)) {
		p.in("namespace").addf("%q can't be a namespace: letters, digits and dashes", api.Deref(job.Namespace))
	}
	if !poolPattern.MatchString(api.Deref(job.NodePool)) {
		p.in("node_pool").addf("%q can't be a node pool: letters, digits, dashes and underscores", api.Deref(job.NodePool))
	}
	for _, datacenter := range job.Datacenters {
		if datacenter == "" {
			p.in("datacenters").addf("a datacenter must not be empty; * stands for all")
		}
	}
	v.unsupportedInJob(p, job)
	v.batch(p, job)
	v.withoutEffectInJob(p, job)
	v.rules(p, job, job.Constraints, job.Affinities, job.Spreads)
	v.periodic(p.in("periodic"), job)
	v.parameterized(p.in("parameterized"), job)
	v.groups(p, job)
}

func (v *validator) jobID(p place, job *api.Job) {
	id := api.Deref(job.ID)
	switch {
	case id == "":
		p.in("id").addf("a job needs an ID")
	case len(id) > maxIDBytes:
		p.in("id").addf("the ID has %d bytes; it may have %d", len(id), maxIDBytes)
	case strings.ContainsFunc(id, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		p.in("id").addf("the ID %q must not have spaces or control characters", id)
	}
	if strings.ContainsFunc(api.Deref(job.Name), unicode.IsControl) || len(api.Deref(job.Name)) > maxIDBytes {
		p.in("name").addf("the name must not have control characters, nor more than %d bytes", maxIDBytes)
	}
}

// withoutEffectInJob names what is kept with a job and changes nothing.
func (v *validator) withoutEffectInJob(p place, job *api.Job) {
	if api.Deref(job.ConsulNamespace) != "" {
		p.in("consul_namespace").warnf("has no effect yet")
	}
	if api.Deref(job.VaultNamespace) != "" {
		p.in("vault_namespace").warnf("has no effect yet")
	}
	if job.Stopped() {
		p.warnf("the job says that it is stopped; to register it starts it")
	}
}

// unsupportedInJob refuses what drover has no controller for.
func (v *validator) unsupportedInJob(p place, job *api.Job) {
	if job.Dispatched || len(job.Payload) > 0 || api.Deref(job.DispatchIdempotencyToken) != "" {
		p.unsupported("a payload and what else only a dispatched job has")
	}
	if job.Multiregion != nil {
		p.in("multiregion").unsupported("jobs over several regions")
	}
}

func (v *validator) groups(p place, job *api.Job) {
	switch n := len(job.TaskGroups); {
	case n == 0:
		p.addf(`a job needs a group: group "name" { … }`)
	case n > maxGroups:
		p.addf("the job has %d groups; it may have %d", n, maxGroups)
		return
	}
	total := 0
	names := map[string]bool{}
	for _, group := range job.TaskGroups {
		name := api.Deref(group.Name)
		at := p.in("group %q", name)
		checkLabel(at, name)
		if names[name] {
			at.addf("another group has the same name")
		}
		names[name] = true
		total += min(max(api.Deref(group.Count), 0), maxCount+1)
		v.group(at, job, group)
	}
	if total > maxCount {
		p.addf("the job asks for %d instances; it may ask for %d", total, maxCount)
	}
}

// checkLabel checks the name of a group or task.
func checkLabel(p place, name string) {
	switch {
	case name == "":
		p.addf("a name is required")
	case len(name) > maxLabelBytes:
		p.addf("the name has %d bytes; it may have %d", len(name), maxLabelBytes)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '/' || r == '\\' }):
		p.addf("the name must not have slashes or control characters")
	}
}
