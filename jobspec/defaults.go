package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

// FillDefaults sets what a spec leaves out, as far as that does not depend on the
// cluster that runs it. It is what POST /v1/jobs/parse does when it is asked for
// the canonical form; Canonicalize goes on to the stored form.
func FillDefaults(job *api.Job) {
	setDefault(&job.ID, "")
	setDefault(&job.Name, *job.ID)
	setDefault(&job.ParentID, "")
	setDefault(&job.Namespace, api.DefaultNamespace)
	setDefault(&job.Region, api.DefaultRegion)
	setDefault(&job.Type, api.JobTypeService)
	setDefault(&job.Priority, api.DefaultJobPriority)
	setDefault(&job.AllAtOnce, false)
	setDefault(&job.NodePool, "")
	setDefault(&job.ConsulNamespace, "")
	setDefault(&job.VaultNamespace, "")
	setDefault(&job.NomadTokenID, "")
	setDefault(&job.Status, "")
	setDefault(&job.StatusDescription, "")
	setDefault(&job.Stop, false)
	setDefault(&job.Stable, false)
	setDefault(&job.Version, 0)
	setDefault(&job.CreateIndex, 0)
	setDefault(&job.ModifyIndex, 0)
	setDefault(&job.JobModifyIndex, 0)

	job.Update = jobUpdate(job)
	if job.Periodic != nil {
		fillPeriodic(job.Periodic)
	}
	if job.ParameterizedJob != nil && job.ParameterizedJob.Payload == "" {
		job.ParameterizedJob.Payload = payloadOptional
	}
	fillRules(job.Constraints, job.Affinities, job.Spreads)
	for _, group := range job.TaskGroups {
		fillGroup(job, group)
	}
}

func fillPeriodic(periodic *api.PeriodicConfig) {
	setDefault(&periodic.Enabled, true)
	setDefault(&periodic.Spec, "")
	setDefault(&periodic.SpecType, specTypeCron)
	setDefault(&periodic.ProhibitOverlap, false)
	setDefault(&periodic.TimeZone, "UTC")
}

// defaultWeight is the weight of affinities and spreads.
const defaultWeight = 50

func fillRules(constraints []*api.Constraint, affinities []*api.Affinity, spreads []*api.Spread) {
	for _, constraint := range constraints {
		if constraint.Operand == "" {
			constraint.Operand = api.OperandEqual
		}
	}
	for _, affinity := range affinities {
		if affinity.Operand == "" {
			affinity.Operand = api.OperandEqual
		}
		setDefault(&affinity.Weight, defaultWeight)
	}
	for _, spread := range spreads {
		setDefault(&spread.Weight, defaultWeight)
	}
}

// defaultDiskMB is the size of a group's shared directory.
const defaultDiskMB = 300

func fillGroup(job *api.Job, group *api.TaskGroup) {
	setDefault(&group.Name, "")
	if group.Scaling != nil && group.Scaling.Min != nil {
		setDefault(&group.Count, int(*group.Scaling.Min))
	}
	if group.Indexed != nil {
		setDefault(&group.Count, api.Deref(group.Indexed.Completions))
	}
	setDefault(&group.Count, 1)
	fillRules(group.Constraints, group.Affinities, group.Spreads)
	if group.EphemeralDisk == nil {
		group.EphemeralDisk = new(api.EphemeralDisk)
	}
	setDefault(&group.EphemeralDisk.Sticky, false)
	setDefault(&group.EphemeralDisk.Migrate, false)
	setDefault(&group.EphemeralDisk.SizeMB, defaultDiskMB)

	group.RestartPolicy = mergeRestart(defaultRestart(job), group.RestartPolicy)
	group.ReschedulePolicy = groupReschedule(job, group.ReschedulePolicy)
	group.Migrate = groupMigrate(job, group.Migrate)
	group.Update = groupUpdate(job, group.Update)
	if group.Scaling != nil {
		setDefault(&group.Scaling.Enabled, true)
		setDefault(&group.Scaling.Min, int64(*group.Count))
		defaultText(&group.Scaling.Type, scalingHorizontal)
	}
	for _, service := range group.Services {
		fillService(service)
	}
	for _, task := range group.Tasks {
		fillTask(group, task)
	}
}

const (
	defaultKillTimeout = 5 * time.Second
	defaultCPU         = 100 // MHz
	defaultMemoryMB    = 300
	defaultLogFiles    = 10
	defaultLogFileMB   = 10
)

func fillTask(group *api.TaskGroup, task *api.Task) {
	fillRules(task.Constraints, task.Affinities, nil)
	if task.Resources == nil {
		task.Resources = new(api.Resources)
	}
	setDefault(&task.Resources.Cores, 0)
	if *task.Resources.Cores == 0 {
		setDefault(&task.Resources.CPU, defaultCPU)
	} else {
		setDefault(&task.Resources.CPU, 0) // whole cores take the place of shares
	}
	for _, device := range task.Resources.Devices {
		setDefault(&device.Count, 1)
		fillRules(device.Constraints, device.Affinities, nil)
	}
	if numa := task.Resources.NUMA; numa != nil {
		defaultText(&numa.Affinity, api.NUMANone)
	}
	setDefault(&task.Resources.MemoryMB, defaultMemoryMB)
	setDefault(&task.KillTimeout, defaultKillTimeout)
	if task.LogConfig == nil {
		task.LogConfig = new(api.LogConfig)
	}
	logs := task.LogConfig
	setDefault(&logs.MaxFiles, defaultLogFiles)
	setDefault(&logs.MaxFileSizeMB, defaultLogFileMB)
	setDefault(&logs.Disabled, logs.Enabled != nil && !*logs.Enabled)
	task.RestartPolicy = mergeRestart(group.RestartPolicy, task.RestartPolicy)
	for _, service := range task.Services {
		fillService(service)
	}
}

func fillService(service *api.Service) {
	defaultText(&service.AddressMode, "auto")
	defaultText(&service.OnUpdate, "require_healthy")
	defaultText(&service.Provider, providerConsul)
	defaultText(&service.Cluster, "default")
	for _, check := range service.Checks {
		defaultText(&check.OnUpdate, service.OnUpdate)
	}
}

func defaultText(field *string, text string) {
	if *field == "" {
		*field = text
	}
}
