package jobspec

import (
	"reflect"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

const (
	minCPU      = 1  // MHz
	minMemoryMB = 10 // less does not hold a process
)

// sharedFolder is what the folder is called that the tasks of a group share; it
// stands beside those of the tasks.
const sharedFolder = "alloc"

func (v *validator) tasks(p place, job *api.Job, group *api.TaskGroup) {
	switch n := len(group.Tasks); {
	case n == 0:
		p.addf(`a group needs a task: task "name" { … }`)
		return
	case n > maxTasks:
		p.addf("the group has %d tasks; it may have %d", n, maxTasks)
		return
	}
	names := map[string]bool{}
	leaders, mains := 0, 0
	for _, task := range group.Tasks {
		at := p.in("task %q", task.Name)
		checkLabel(at, task.Name)
		if task.Name == "." || task.Name == ".." || task.Name == sharedFolder {
			at.addf("a task can't have this name: its folder would have it too")
		}
		if names[task.Name] {
			at.addf("another task of the group has the same name")
		}
		names[task.Name] = true
		if task.Leader {
			leaders++
		}
		if task.IsMain() {
			mains++
		}
		v.task(at, job, group, task)
	}
	if leaders > 1 {
		p.addf("only one task of a group can be its leader")
	}
	if mains == 0 {
		p.addf("all tasks have a lifecycle block; the group needs one that runs for its own sake")
	}
}

func (v *validator) task(p place, job *api.Job, group *api.TaskGroup, task *api.Task) {
	if task.Driver == "" {
		p.in("driver").addf("Missing task driver")
	}
	v.dispatchPayload(p.in("dispatch_payload"), job, task.DispatchPayload)
	if task.Lifecycle != nil {
		p.in("lifecycle").oneOf("hook", task.Lifecycle.Hook, api.HookPrestart, api.HookPoststart, api.HookPoststop)
	}
	p.notNegative("kill_timeout", int64(api.Deref(task.KillTimeout)))
	p.notNegative("shutdown_delay", int64(task.ShutdownDelay))
	if signal := task.KillSignal; signal != "" && !slices.Contains(signals, strings.TrimPrefix(signal, "SIG")) {
		p.in("kill_signal").addf("%q is not a signal.%s", signal, suggest(strings.TrimPrefix(signal, "SIG"), signals))
	}
	for name := range task.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			p.in("env").addf("%q can't be the name of an environment variable", name)
		}
	}
	if depth(reflect.ValueOf(map[string]any(task.Config))) > maxNesting {
		p.in("config").addf("the settings are nested more than %d deep", maxNesting)
	}
	v.rules(p, job, task.Constraints, task.Affinities, nil)
	for _, constraint := range task.Constraints {
		if constraint.Operand == api.OperandDistinctHosts || constraint.Operand == api.OperandDistinctProperty {
			p.in("constraint").addf("%s is about whole instances: move it to the group or the job", constraint.Operand)
		}
	}
	if !reflect.DeepEqual(task.RestartPolicy, group.RestartPolicy) { // else it is the group's
		v.restart(p.in("restart"), task.RestartPolicy)
	}
	v.resources(p.in("resources"), task.Resources)
	v.logs(p.in("logs"), group, task.LogConfig)
	v.actions(p, task)
	for _, mount := range task.VolumeMounts {
		checkVolumeMount(p.in("volume_mount"), group, mount)
	}
	for _, template := range task.Templates {
		checkTemplate(p.in("template %q", api.Deref(template.DestPath)), template)
	}
	for _, artifact := range task.Artifacts {
		checkArtifact(p.in("artifact"), artifact)
	}
	v.unsupportedInTask(p, task)
	for _, service := range task.Services {
		v.service(p.in("service %q", service.Name), group, task, service)
	}
	if _, older := task.Config["port_map"]; older && task.Driver != "qemu" { // there it is the only form
		p.warnf(`port_map in config is the older form; write port "name" { to = … } in a network block of the group, and ports = ["name"] in config`)
	}
}

func (v *validator) resources(p place, resources *api.Resources) {
	if resources == nil {
		p.addf("resources are required")
		return
	}
	checkCPU(p, resources)
	memory, most := api.Deref(resources.MemoryMB), api.Deref(resources.MemoryMaxMB)
	if memory < minMemoryMB {
		p.in("memory").addf("a task needs %d MB at least", minMemoryMB)
	}
	if most != 0 && most < memory {
		p.in("memory_max").addf("the limit (%d MB) must not be less than what is reserved (%d MB)", most, memory)
	}
	checkDevices(p, resources.Devices)
	p.notNegative("secrets", int64(api.Deref(resources.SecretsMB)))
	if api.Deref(resources.DiskMB) != 0 {
		p.in("disk").warnf("has no effect any more; write ephemeral_disk { size = … } in the group")
	}
	if api.Deref(resources.IOPS) != 0 {
		p.in("iops").warnf("has no effect any more; remove it")
	}
}

func (v *validator) logs(p place, group *api.TaskGroup, logs *api.LogConfig) {
	if logs == nil {
		return
	}
	files, size := int64(api.Deref(logs.MaxFiles)), int64(api.Deref(logs.MaxFileSizeMB))
	if files < 1 || size < 1 {
		p.addf("max_files and max_file_size are 1 at least")
		return
	}
	if group.EphemeralDisk == nil || api.Deref(logs.Disabled) {
		return
	}
	if disk := int64(api.Deref(group.EphemeralDisk.SizeMB)); product(files, size) > disk {
		p.addf("the logs may take %d MB, more than the ephemeral_disk of %d MB", product(files, size), disk)
	}
}

// unsupportedInTask refuses what node agents don't do yet.
func (v *validator) unsupportedInTask(p place, task *api.Task) {
	for _, part := range []struct {
		there      bool
		name, what string
	}{
		{task.Vault != nil, "vault", "Vault"},
		{task.Consul != nil, "consul", "Consul"},
		{task.CSIPluginConfig != nil, "csi_plugin", "storage plugins"},
		{len(task.ScalingPolicies) > 0, "scaling", "scaling the resources of a task"},
		{len(task.Secrets) > 0, "secret", "secrets"},
		{len(task.Identities) > 0, "identity", "identities beside the default one; there are no keys yet to sign their tokens with"},
		{hasOwnIdentity(task), "identity", "env, file and what else gives a task the token of its identity; there are no keys yet to sign it with"},
		{task.Schedule != nil, "schedule", "tasks that pause by the clock"},
		{task.Kind != "", "kind", "tasks of a kind"},
	} {
		if part.there {
			p.in("%s", part.name).unsupported(part.what)
		}
	}
}

// hasOwnIdentity reports whether a task asks for more than the identity that each has.
func hasOwnIdentity(task *api.Task) bool {
	each := &api.WorkloadIdentity{Name: defaultIdentity, Audience: []string{defaultAudience}}
	return task.Identity != nil && !reflect.DeepEqual(task.Identity, each)
}

// depth returns how deeply a value is nested.
func depth(v reflect.Value) int {
	inner := 0
	switch v.Kind() {
	case reflect.Interface:
		return depth(v.Elem())
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			inner = max(inner, depth(it.Value()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			inner = max(inner, depth(v.Index(i)))
		}
	default:
		return 0
	}
	return inner + 1
}

// signals are those of POSIX and Linux, without SIG.
var signals = []string{
	"ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "NULL", "PIPE", "POLL", "PROF", "PWR",
	"QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH",
	"XCPU", "XFSZ",
}
