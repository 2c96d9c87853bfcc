package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// outcome says what becomes of a task by what its job says in RUN:
//
//	forever      it runs until it is stopped
//	done:30s     it ends well after that time
//	crash:5s     it fails after that time, every time
//	flaky:5s     it fails after that time, half the times, and runs forever else
//	again:5s     it fails after that time the first time, and ends well when it is tried again
//	nostart      it can't be started
func outcome(run string, luck uint64, first bool, p *plan) {
	what, after, _ := strings.Cut(run, ":")
	d, err := time.ParseDuration(after)
	if err != nil {
		d = 10 * time.Second
	}
	p.lasts = d
	switch what {
	case "done":
		p.ends = true
	case "crash":
		p.ends, p.code = true, 1
	case "flaky":
		p.ends, p.code = luck%2 == 0, 1
	case "again":
		p.ends = true
		if first {
			p.code = 1
		}
	case "nostart":
		p.noStart = true
	}
}

// jobOf returns the job that an op apply asks for. Its type is said by the letter that
// its name begins with: service, batch, (s)ystem or sysbatch, or (a)rray: an indexed
// batch job.
func jobOf(o Op) *api.Job {
	id := o.target()
	j := &api.Job{
		ID: new(id), Name: new(id), Type: new(typeOf(id)), Region: new(api.DefaultRegion), Namespace: new(api.DefaultNamespace),
		Datacenters: []string{"*"}, Priority: new(o.int("priority", api.DefaultJobPriority)),
	}
	if rack := o.value("rack"); rack != "" {
		j.Constraints = []*api.Constraint{{LTarget: "${meta.rack}", Operand: "=", RTarget: rack}}
	}
	if o.has("distinct") {
		j.Constraints = append(j.Constraints, &api.Constraint{Operand: "distinct_hosts"})
	}
	j.TaskGroups = []*api.TaskGroup{groupOf(o, j, "web")}
	if o.has("second") {
		second := groupOf(o, j, "second")
		second.Networks = nil
		j.TaskGroups = append(j.TaskGroups, second)
	}
	if o.has("at_once") {
		j.AllAtOnce = new(true)
	}
	live(o, j)
	limit(o, j)
	return j
}

func typeOf(id string) string {
	switch id[0] {
	case 'a', 'b', 'p', 'd', 'w':
		return api.JobTypeBatch
	case 'y':
		return api.JobTypeSystem
	case 'z':
		return api.JobTypeSysBatch
	}
	return api.JobTypeService
}

func groupOf(o Op, j *api.Job, name string) *api.TaskGroup {
	g := &api.TaskGroup{
		Name:          new(name),
		EphemeralDisk: &api.EphemeralDisk{SizeMB: new(150)},
		RestartPolicy: &api.RestartPolicy{
			Attempts: new(o.int("restarts", 0)), Interval: new(10 * time.Minute), Delay: new(5 * time.Second), Mode: new(api.RestartModeFail),
		},
		Tasks: []*api.Task{{
			Name: "app", Driver: "raw_exec", Config: map[string]any{"command": "/bin/serve"},
			Env:         envOf(o),
			Resources:   &api.Resources{CPU: new(o.int("cpu", 100)), MemoryMB: new(o.int("mem", 50))},
			KillTimeout: new(o.duration("kill", 2*time.Second)),
		}},
	}
	if cores := o.int("cores", 0); cores > 0 { // instead of shares
		g.Tasks[0].Resources.CPU, g.Tasks[0].Resources.Cores = new(0), &cores
	}
	switch {
	case o.target()[0] == 'a':
		g.Indexed = arrayOf(o)
	case !j.IsSystem():
		g.Count = new(o.int("count", 1))
	}
	if port := o.int("port", 0); port != 0 {
		g.Networks = []*api.NetworkResource{{ReservedPorts: []api.Port{{Label: "http", Value: port}}}}
	}
	if !j.IsSystem() {
		g.ReschedulePolicy = rescheduleOf(o)
	}
	if parallel := o.int("parallel", 0); parallel > 0 && !j.IsBatch() {
		g.Update = &api.UpdateStrategy{
			MaxParallel: new(parallel), HealthCheck: new(healthCheckOf(o)),
			MinHealthyTime: new(o.duration("min_healthy", 5*time.Second)), HealthyDeadline: new(o.duration("healthy", 30*time.Second)),
			ProgressDeadline: new(o.duration("progress", time.Minute)), Stagger: new(30 * time.Second),
			AutoRevert: new(o.has("revert")), AutoPromote: new(o.has("promote")), Canary: new(o.int("canary", 0)),
		}
	}
	if g.Volumes = claimOf(o, g); g.Volumes == nil {
		g.Volumes = stickyOf(o)
	}
	g.Services = servicesOf(o)
	g.Disconnect = disconnectOf(o)
	if o.has("gang") {
		g.Gang = new(true)
	}
	if o.has("keep_lost") {
		g.PreventRescheduleOnLost = new(true)
	}
	return g
}

// envOf returns what a task is told: what becomes of it (outcome), and of its check
// (answers).
func envOf(o Op) map[string]string {
	env := map[string]string{"RUN": o.value("run"), "V": o.value("v")}
	if check := o.value("check"); check != "" {
		env["CHECK"] = check
	}
	return env
}

func rescheduleOf(o Op) *api.ReschedulePolicy {
	p := &api.ReschedulePolicy{
		Delay: new(o.duration("delay", 20*time.Second)), MaxDelay: new(10 * time.Minute), DelayFunction: new(api.DelayConstant),
	}
	if f := o.value("function"); f != "" {
		p.DelayFunction = new(f)
	}
	if attempts := o.int("attempts", -1); attempts < 0 {
		p.Unlimited, p.Attempts, p.Interval = new(true), new(0), new(time.Duration(0))
	} else {
		p.Unlimited, p.Attempts, p.Interval = new(false), new(attempts), new(time.Hour)
	}
	return p
}

func (o Op) int(key string, otherwise int) int {
	n, err := strconv.Atoi(o.value(key))
	if err != nil {
		return otherwise
	}
	return n
}

func (o Op) duration(key string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(o.value(key))
	if err != nil {
		return otherwise
	}
	return d
}
