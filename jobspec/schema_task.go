package jobspec

import (
	"reflect"

	"github.com/droverhq/drover/api"
)

var taskSchema = define(schema{
	attributes: "driver kill_signal kill_timeout kind leader shutdown_delay user",
	blocks: []nested{
		{name: "action", field: "Actions", label: "Name", body: define(schema{attributes: "command args"})},
		{name: "affinity", field: "Affinities", body: affinitySchema},
		{name: "artifact", field: "Artifacts", body: artifactSchema},
		{name: "config", field: "Config"},
		{name: "constraint", field: "Constraints", body: constraintSchema},
		{name: "consul", field: "Consul", body: consulSchema},
		{name: "csi_plugin", field: "CSIPluginConfig", body: define(schema{attributes: "id=ID type mount_dir stage_publish_base_dir health_timeout"})},
		{name: "dispatch_payload", field: "DispatchPayload", body: define(schema{attributes: "file"})},
		{name: "env", field: "Env", orAttribute: true},
		{name: "identity", field: "Identities", body: identitySchema, decode: decodeIdentity},
		{name: "lifecycle", field: "Lifecycle", body: define(schema{attributes: "hook sidecar"})},
		{name: "logs", field: "LogConfig", body: define(schema{attributes: "max_files max_file_size=MaxFileSizeMB enabled disabled"})},
		{name: "meta", field: "Meta", orAttribute: true},
		{name: "resources", field: "Resources", body: resourcesSchema},
		{name: "restart", field: "RestartPolicy", body: restartSchema},
		{name: "scaling", field: "ScalingPolicies", body: taskScalingSchema, label: "-", decode: decodeTaskScaling},
		{name: "schedule", field: "Schedule", body: define(schema{blocks: []nested{
			{name: "cron", field: "Cron", body: define(schema{attributes: "start end timezone"})},
		}})},
		{name: "secret", field: "Secrets", label: "Name", body: define(schema{
			attributes: "provider path",
			blocks:     []nested{{name: "config", field: "Config"}, {name: "env", field: "Env", orAttribute: true}},
		})},
		{name: "service", field: "Services", body: serviceSchema},
		{name: "template", field: "Templates", body: templateSchema},
		{name: "vault", field: "Vault", body: vaultSchema},
		{name: "volume_mount", field: "VolumeMounts", body: define(schema{
			attributes: "volume destination read_only propagation_mode selinux_label=SELinuxLabel",
		})},
	},
})

var artifactSchema = define(schema{
	attributes: "source=GetterSource mode=GetterMode insecure=GetterInsecure destination=RelativeDest chown",
	blocks: []nested{
		{name: "options", field: "GetterOptions", orAttribute: true},
		{name: "headers", field: "GetterHeaders", orAttribute: true},
	},
})

var templateSchema = define(schema{
	attributes: "source=SourcePath destination=DestPath data=EmbeddedTmpl change_mode change_signal once splay perms uid gid" +
		" left_delimiter=LeftDelim right_delimiter=RightDelim env=Envvars vault_grace error_on_missing_key=ErrMissingKey",
	blocks: []nested{
		{name: "change_script", field: "ChangeScript", body: define(schema{attributes: "command args timeout fail_on_error"})},
		{name: "wait", field: "Wait", body: define(schema{attributes: "min max"})},
	},
})

var vaultSchema = define(schema{
	attributes: "policies role namespace cluster env disable_file change_mode change_signal allow_token_expiration",
})

var identitySchema = define(schema{
	attributes: "name aud=Audience change_mode change_signal env file filepath service_name ttl=TTL",
	blocks:     []nested{{name: "extra_claims", field: "ExtraClaims", orAttribute: true}},
})

var resourcesSchema = define(schema{
	attributes: "cpu=CPU cores memory=MemoryMB memory_max=MemoryMaxMB disk=DiskMB secrets=SecretsMB iops=IOPS",
	blocks: []nested{
		{name: "device", field: "Devices", label: "Name", body: define(schema{
			attributes: "count",
			blocks: []nested{
				{name: "affinity", field: "Affinities", body: affinitySchema},
				{name: "constraint", field: "Constraints", body: constraintSchema},
			},
		})},
		{name: "network", field: "Networks", body: networkSchema, decode: decodeTaskNetwork},
		{name: "numa", field: "NUMA", body: define(schema{attributes: "affinity devices"})},
	},
})

var taskScalingSchema = define(scalingSchema)

// decodeIdentity keeps the default identity of a task apart from further ones.
func decodeIdentity(d *decoder, b *sourceBlock, outer reflect.Value) {
	identity := new(api.WorkloadIdentity)
	d.decodeBody(identitySchema, b, reflect.ValueOf(identity).Elem())
	task := outer.Addr().Interface().(*api.Task)
	if identity.Name != "" && identity.Name != defaultIdentity {
		task.Identities = append(task.Identities, identity)
		return
	}
	if task.Identity != nil {
		d.errorf(b.at, "Duplicate identity block", "Only one identity may be without a name.")
		return
	}
	task.Identity = identity
}

// taskScalingTypes are the labels of a task's scaling blocks.
var taskScalingTypes = map[string]string{"cpu": "vertical_cpu", "mem": "vertical_mem"}

func decodeTaskScaling(d *decoder, b *sourceBlock, outer reflect.Value) {
	policy := new(api.ScalingPolicy)
	d.decodeBody(taskScalingSchema, b, reflect.ValueOf(policy).Elem())
	kind, known := taskScalingTypes[b.labels[0]]
	if !known {
		d.errorf(b.at, "Invalid scaling label", `The scaling of a task is labelled "cpu" or "mem".`)
		return
	}
	if policy.Type == "" {
		policy.Type = kind
	}
	task := outer.Addr().Interface().(*api.Task)
	for _, other := range task.ScalingPolicies {
		if other.Type == policy.Type {
			d.errorf(b.at, "Duplicate scaling block", "There is another scaling block labelled %q.", b.labels[0])
			return
		}
	}
	task.ScalingPolicies = append(task.ScalingPolicies, policy)
}
