package jobspec_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

// What becomes of the fields of a job, by type. A field that is not here is in danger
// of being accepted and ignored.
var (
	// honoured are the fields that the scheduler, the controllers, node agents or the
	// API act on.
	honoured = map[reflect.Type]string{
		reflect.TypeFor[api.Job](): "Region Namespace ID Name Type Priority Datacenters NodePool Constraints Affinities TaskGroups Update " +
			"Spreads Periodic ParameterizedJob Reschedule Migrate Meta UI ParentID VersionTag " +
			"DependsOn Deadline TTLAfterFinished AllAtOnce",
		reflect.TypeFor[api.IndexedStrategy]():        "Completions Parallelism Attempts MaxFailed",
		reflect.TypeFor[api.JobDependency]():          "Job Namespace Condition",
		reflect.TypeFor[api.PeriodicConfig]():         "Enabled Spec Specs SpecType ProhibitOverlap TimeZone",
		reflect.TypeFor[api.ParameterizedJobConfig](): "Payload MetaRequired MetaOptional MaxConcurrent",
		reflect.TypeFor[api.DispatchPayloadConfig]():  "File",
		reflect.TypeFor[api.JobUIConfig]():            "Description Links",
		reflect.TypeFor[api.JobUILink]():              "Label URL",
		reflect.TypeFor[api.TaskGroup](): "Name Count Constraints Affinities Tasks Spreads Volumes RestartPolicy ReschedulePolicy EphemeralDisk " +
			"Gang Indexed " +
			"Update Migrate Networks Meta Services ShutdownDelay PreventRescheduleOnLost Scaling " +
			"Disconnect StopAfterClientDisconnect MaxClientDisconnect MaxRunDuration",

		reflect.TypeFor[api.DisconnectStrategy](): "LostAfter StopOnClientAfter Replace Reconcile",

		reflect.TypeFor[api.VolumeRequest]():    "Name Type Source ReadOnly PerAlloc AccessMode AttachmentMode Sticky",
		reflect.TypeFor[api.Constraint]():       "LTarget RTarget Operand",
		reflect.TypeFor[api.Affinity]():         "LTarget RTarget Operand Weight",
		reflect.TypeFor[api.Spread]():           "Attribute Weight SpreadTarget",
		reflect.TypeFor[api.SpreadTarget]():     "Value Percent",
		reflect.TypeFor[api.UpdateStrategy]():   "MaxParallel HealthCheck MinHealthyTime HealthyDeadline ProgressDeadline Canary AutoRevert AutoPromote",
		reflect.TypeFor[api.MigrateStrategy]():  "MaxParallel HealthCheck MinHealthyTime HealthyDeadline",
		reflect.TypeFor[api.ReschedulePolicy](): "Attempts Interval Delay DelayFunction MaxDelay Unlimited",
		reflect.TypeFor[api.RestartPolicy]():    "Interval Attempts Delay Mode",
		reflect.TypeFor[api.ScalingPolicy]():    "Type Min Max Policy Enabled",
		reflect.TypeFor[api.EphemeralDisk]():    "SizeMB Sticky Migrate",
		reflect.TypeFor[api.NetworkResource]():  "Mode ReservedPorts DynamicPorts DNS Hostname CNI",
		reflect.TypeFor[api.DNSConfig]():        "Servers Searches Options",
		reflect.TypeFor[api.CNIConfig]():        "Args",
		reflect.TypeFor[api.Port]():             "Label Value To HostNetwork IgnoreCollision",
		reflect.TypeFor[api.Task](): "Name Driver User Lifecycle Config Constraints Affinities Env Services Resources RestartPolicy Meta " +
			"KillTimeout LogConfig DispatchPayload Leader ShutdownDelay KillSignal Identity Actions Artifacts Templates VolumeMounts",
		reflect.TypeFor[api.VolumeMount]():      "Volume Destination ReadOnly PropagationMode",
		reflect.TypeFor[api.Template]():         "SourcePath DestPath EmbeddedTmpl ChangeMode ChangeScript ChangeSignal Once Splay Perms Uid Gid LeftDelim RightDelim Envvars Wait ErrMissingKey",
		reflect.TypeFor[api.ChangeScript]():     "Command Args Timeout FailOnError",
		reflect.TypeFor[api.WaitConfig]():       "Min Max",
		reflect.TypeFor[api.TaskArtifact]():     "GetterSource GetterOptions GetterHeaders GetterMode GetterInsecure RelativeDest Chown",
		reflect.TypeFor[api.Action]():           "Name Command Args",
		reflect.TypeFor[api.TaskLifecycle]():    "Hook Sidecar",
		reflect.TypeFor[api.LogConfig]():        "MaxFiles MaxFileSizeMB Enabled Disabled",
		reflect.TypeFor[api.Resources]():        "CPU Cores NUMA Devices MemoryMB MemoryMaxMB Networks SecretsMB",
		reflect.TypeFor[api.RequestedDevice]():  "Name Count Constraints Affinities",
		reflect.TypeFor[api.NUMAResource]():     "Affinity",
		reflect.TypeFor[api.WorkloadIdentity](): "Name Audience", // each task has the default ones
		reflect.TypeFor[api.Service](): "Name TaskName PortLabel AddressMode Address Tags CanaryTags Checks CheckRestart Meta CanaryMeta " +
			"OnUpdate Provider Cluster Namespace",
		reflect.TypeFor[api.ServiceCheck](): "Name Type Path Protocol PortLabel AddressMode Interval Timeout InitialStatus Notes " +
			"TLSServerName TLSSkipVerify Header Method CheckRestart TaskName Body OnUpdate",
		reflect.TypeFor[api.CheckRestart](): "Limit Grace",
	}
	// withWarning are those that change nothing, of which the user is told.
	withWarning = map[reflect.Type]string{
		reflect.TypeFor[api.Job]():             "ConsulNamespace VaultNamespace Stop",
		reflect.TypeFor[api.Template]():        "VaultGrace",
		reflect.TypeFor[api.UpdateStrategy]():  "Stagger",
		reflect.TypeFor[api.NetworkResource](): "Device CIDR IP MBits",
		reflect.TypeFor[api.Resources]():       "DiskMB IOPS",
		reflect.TypeFor[api.Service]():         "TaggedAddresses EnableTagOverride Weights",
	}
	// refused are those that a valid job does not have; TestWhatIsNotDoneYetIsRefused
	// sets each.
	refused = map[reflect.Type]string{
		reflect.TypeFor[api.Job]():           "Multiregion DispatchIdempotencyToken Dispatched Payload",
		reflect.TypeFor[api.TaskGroup]():     "Consul",
		reflect.TypeFor[api.VolumeRequest](): "MountOptions",
		reflect.TypeFor[api.Task](): "Vault Consul CSIPluginConfig Kind ScalingPolicies " +
			"Secrets Identities Schedule",
		reflect.TypeFor[api.VolumeMount]():      "SELinuxLabel",
		reflect.TypeFor[api.NUMAResource]():     "Devices",
		reflect.TypeFor[api.Service]():          "Connect Identity Kind",
		reflect.TypeFor[api.ServiceCheck]():     "Command Args Expose Advertise GRPCService GRPCUseTLS SuccessBeforePassing FailuresBeforeCritical FailuresBeforeWarning",
		reflect.TypeFor[api.CheckRestart]():     "IgnoreWarnings",
		reflect.TypeFor[api.WorkloadIdentity](): "ChangeMode ChangeSignal Env File Filepath ServiceName TTL ExtraClaims",
	}
	// ofServers are those that servers set, whatever the user says.
	ofServers = map[reflect.Type]string{
		reflect.TypeFor[api.Job]():           "NomadTokenID Version SubmitTime Status StatusDescription Stable CreateIndex ModifyIndex JobModifyIndex",
		reflect.TypeFor[api.ScalingPolicy](): "ID Namespace Target CreateIndex ModifyIndex",
	}
	// moot are those that only say how to do what can't be asked for yet.
	moot = map[reflect.Type]string{
		reflect.TypeFor[api.ServiceWeights](): "Passing Warning", // Consul
		reflect.TypeFor[api.RestartPolicy]():  "RenderTemplates", // templates
	}
)

func TestEveryFieldIsHonouredWarnedOfOrRefused(t *testing.T) {
	lists := []map[reflect.Type]string{honoured, withWarning, refused, ofServers, moot}
	seen := map[reflect.Type]bool{}
	var visit func(typ reflect.Type)
	visit = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			field := typ.Field(i)
			var in int
			for _, list := range lists {
				if slices.Contains(strings.Fields(list[typ]), field.Name) {
					in++
				}
			}
			if in != 1 {
				t.Errorf("%s.%s is in %d lists: what becomes of it?", typ, field.Name, in)
			}
			if !slices.Contains(strings.Fields(refused[typ]), field.Name) && !slices.Contains(strings.Fields(ofServers[typ]), field.Name) &&
				!(typ == reflect.TypeFor[api.Job]() && field.Name == "VersionTag") {
				visit(field.Type)
			}
		}
	}
	visit(reflect.TypeFor[api.Job]())
	for _, list := range lists {
		for typ, names := range list {
			for _, name := range strings.Fields(names) {
				if _, ok := typ.FieldByName(name); !ok || !seen[typ] {
					t.Errorf("%s.%s is in a list and not of a job", typ, name)
				}
			}
		}
	}
}

// whole is a job that is valid and has a part of each type that fields are refused or
// warned of in.
func whole() *api.Job {
	return &api.Job{
		ID: new("whole"), Type: new(api.JobTypeService), Update: new(api.UpdateStrategy),
		TaskGroups: []*api.TaskGroup{{
			Name: new("g"), Update: new(api.UpdateStrategy), EphemeralDisk: new(api.EphemeralDisk), ShutdownDelay: new(time.Second),
			Networks: []*api.NetworkResource{{}},
			Tasks: []*api.Task{{
				Name: "t", Driver: "raw_exec", Resources: new(api.Resources),
				Identity: &api.WorkloadIdentity{},
			}},
			Services: []*api.Service{{Name: "s", Provider: "nomad", PortLabel: "80", Checks: []*api.ServiceCheck{{
				Type: "http", Path: "/", Interval: time.Second, Timeout: time.Second, CheckRestart: &api.CheckRestart{Limit: 1},
			}}}},
		}},
	}
}

// parts are the types whose fields are refused or warned of, and where they are.
var parts = map[reflect.Type]func(j *api.Job) any{
	reflect.TypeFor[api.Job]():       func(j *api.Job) any { return j },
	reflect.TypeFor[api.TaskGroup](): func(j *api.Job) any { return j.TaskGroups[0] },
	reflect.TypeFor[api.ParameterizedJobConfig](): func(j *api.Job) any {
		j.ParameterizedJob = new(api.ParameterizedJobConfig)
		return j.ParameterizedJob
	},
	reflect.TypeFor[api.VolumeRequest](): func(j *api.Job) any {
		v := &api.VolumeRequest{Type: "host", Source: "data"}
		j.TaskGroups[0].Volumes = map[string]*api.VolumeRequest{"v": v}
		return v
	},
	reflect.TypeFor[api.UpdateStrategy]():  func(j *api.Job) any { return j.TaskGroups[0].Update },
	reflect.TypeFor[api.EphemeralDisk]():   func(j *api.Job) any { return j.TaskGroups[0].EphemeralDisk },
	reflect.TypeFor[api.NetworkResource](): func(j *api.Job) any { return j.TaskGroups[0].Networks[0] },
	reflect.TypeFor[api.Task]():            func(j *api.Job) any { return j.TaskGroups[0].Tasks[0] },
	reflect.TypeFor[api.VolumeMount](): func(j *api.Job) any {
		m := &api.VolumeMount{Volume: new("v"), Destination: new("/v")}
		j.TaskGroups[0].Volumes = map[string]*api.VolumeRequest{"v": {Type: "host", Source: "data"}}
		j.TaskGroups[0].Tasks[0].VolumeMounts = []*api.VolumeMount{m}
		return m
	},
	reflect.TypeFor[api.Template](): func(j *api.Job) any {
		t := &api.Template{EmbeddedTmpl: new("x"), DestPath: new("local/x")}
		j.TaskGroups[0].Tasks[0].Templates = []*api.Template{t}
		return t
	},
	reflect.TypeFor[api.Resources](): func(j *api.Job) any { return j.TaskGroups[0].Tasks[0].Resources },
	reflect.TypeFor[api.NUMAResource](): func(j *api.Job) any {
		r := j.TaskGroups[0].Tasks[0].Resources
		r.Cores, r.NUMA = new(1), new(api.NUMAResource)
		return r.NUMA
	},
	reflect.TypeFor[api.WorkloadIdentity](): func(j *api.Job) any { return j.TaskGroups[0].Tasks[0].Identity },
	reflect.TypeFor[api.Service]():          func(j *api.Job) any { return j.TaskGroups[0].Services[0] },
	reflect.TypeFor[api.ServiceCheck]():     func(j *api.Job) any { return j.TaskGroups[0].Services[0].Checks[0] },
	reflect.TypeFor[api.CheckRestart]():     func(j *api.Job) any { return j.TaskGroups[0].Services[0].Checks[0].CheckRestart },
}

// check canonicalizes and validates a job with one more field set, if any.
func check(t *testing.T, typ reflect.Type, field string) ([]string, error) {
	t.Helper()
	job := whole()
	if field != "" {
		fill(reflect.ValueOf(parts[typ](job)).Elem().FieldByName(field))
	}
	warnings := jobspec.Canonicalize(job)
	more, err := jobspec.Validate(job)
	return append(warnings, more...), err
}

// fill sets a value to something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct: // that it is there is enough
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), element)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1)
	default:
		v.SetInt(1)
	}
}

func TestWhatIsNotDoneYetIsRefused(t *testing.T) {
	if _, err := check(t, nil, ""); err != nil {
		t.Fatal(err)
	}
	for typ, names := range refused {
		for _, field := range strings.Fields(names) {
			if _, err := check(t, typ, field); err == nil || !strings.Contains(err.Error(), "not supported: ") {
				t.Errorf("%s.%s: %v", typ, field, err)
			}
		}
	}
}

func TestWhatHasNoEffectIsWarnedOf(t *testing.T) {
	before, err := check(t, nil, "")
	if err != nil || len(before) != 0 {
		t.Fatal(before, err)
	}
	for typ, names := range withWarning {
		for _, field := range strings.Fields(names) {
			if after, err := check(t, typ, field); err != nil || len(after) != len(before)+1 {
				t.Errorf("%s.%s: %q, %v", typ, field, after, err)
			}
		}
	}
}
