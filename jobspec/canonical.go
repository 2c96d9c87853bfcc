package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

// Canonicalize brings a job into the one form that is stored: older forms become
// newer ones, everything that is not set gets its default, and what is set for the
// job stands in its groups and tasks. Doing it again changes nothing. The warnings
// name what was written in an older form.
//
// A job that Validate refuses may be canonicalized too; nothing that the user set
// is lost.
func Canonicalize(job *api.Job) (warnings []string) {
	tidy(job)
	warnings = modernize(job)
	FillDefaults(job)

	if *job.NodePool == "" {
		job.NodePool = new(api.DefaultNodePool)
	}
	if len(job.Datacenters) == 0 {
		job.Datacenters = []string{"*"}
	}
	setDefault(&job.DispatchIdempotencyToken, "")
	job.Reschedule, job.Migrate = nil, nil // every group has them now
	job.Update = storedUpdate(job.Update)
	for _, group := range job.TaskGroups {
		canonicalizeGroup(job, group)
	}
	return warnings
}

// storedUpdate is what a stored job says about updates beside its groups, which
// have it all.
func storedUpdate(update *api.UpdateStrategy) *api.UpdateStrategy {
	stored := &api.UpdateStrategy{
		Stagger: new(time.Duration), MaxParallel: new(int), HealthCheck: new(""),
		MinHealthyTime: new(time.Duration), HealthyDeadline: new(time.Duration), ProgressDeadline: new(time.Duration),
		Canary: new(int), AutoRevert: new(false), AutoPromote: new(false),
	}
	if update != nil {
		*stored.Stagger = api.Deref(update.Stagger)
		*stored.MaxParallel = api.Deref(update.MaxParallel)
	}
	return stored
}

func canonicalizeGroup(job *api.Job, group *api.TaskGroup) {
	canonicalizeIndexed(group)
	setDefault(&group.PreventRescheduleOnLost, false)
	if group.Disconnect != nil {
		setDefault(&group.Disconnect.Replace, true)
		setDefault(&group.Disconnect.Reconcile, api.ReconcileBestScore)
	}
	for _, network := range group.Networks {
		canonicalizePorts(network)
	}
	for name, volume := range group.Volumes {
		if volume.Name == "" {
			volume.Name = name
		}
	}
	for _, service := range group.Services {
		canonicalizeService(service, job, group, groupServiceTask)
	}
	for _, task := range group.Tasks {
		canonicalizeTask(job, group, task)
	}
}

func canonicalizePorts(network *api.NetworkResource) {
	for _, ports := range [][]api.Port{network.ReservedPorts, network.DynamicPorts} {
		for i := range ports {
			if ports[i].HostNetwork == "" {
				ports[i].HostNetwork = defaultHostNetwork
			}
		}
	}
}

func canonicalizeTask(job *api.Job, group *api.TaskGroup, task *api.Task) {
	resources := task.Resources
	setDefault(&resources.MemoryMaxMB, 0)
	setDefault(&resources.DiskMB, 0)
	setDefault(&resources.IOPS, 0)
	setDefault(&resources.SecretsMB, 0)
	task.LogConfig.Enabled = nil // Disabled says it
	if task.Identity == nil {
		task.Identity = new(api.WorkloadIdentity)
	}
	if task.Identity.Name == "" {
		task.Identity.Name = defaultIdentity
	}
	if task.Identity.Audience == nil {
		task.Identity.Audience = []string{defaultAudience}
	}
	for _, service := range task.Services {
		canonicalizeService(service, job, group, task.Name)
	}
}

// canonicalizeService completes a service of a task, or of the group.
func canonicalizeService(service *api.Service, job *api.Job, group *api.TaskGroup, task string) {
	if service.Name == "" {
		service.Name = *job.Name + "-" + *group.Name + "-" + task
	}
	service.Name = expandServiceName(service.Name, job, group, task)
	if service.Namespace == "" && service.Provider == providerNomad {
		service.Namespace = *job.Namespace
	}
	for _, check := range service.Checks {
		if check.Name == "" {
			check.Name = `service: "` + service.Name + `" check`
		}
		check.CheckRestart = mergeCheckRestart(service.CheckRestart, check.CheckRestart)
	}
	service.CheckRestart = nil // every check has it now
}

func mergeCheckRestart(outer, inner *api.CheckRestart) *api.CheckRestart {
	if outer == nil && inner == nil {
		return nil
	}
	merged := new(api.CheckRestart)
	if outer != nil {
		*merged = *outer
	}
	if inner != nil {
		if inner.Limit != 0 {
			merged.Limit = inner.Limit
		}
		if inner.Grace != nil {
			merged.Grace = inner.Grace
		}
		merged.IgnoreWarnings = merged.IgnoreWarnings || inner.IgnoreWarnings
	}
	setDefault(&merged.Grace, time.Second)
	return merged
}
