package jobspec

import (
	"reflect"

	"github.com/droverhq/drover/api"
)

var groupSchema = define(schema{
	attributes: "count shutdown_delay stop_after_client_disconnect max_client_disconnect max_run_duration prevent_reschedule_on_lost gang",
	blocks: []nested{
		{name: "affinity", field: "Affinities", body: affinitySchema},
		{name: "constraint", field: "Constraints", body: constraintSchema},
		{name: "consul", field: "Consul", body: consulSchema},
		{name: "disconnect", field: "Disconnect", body: define(schema{attributes: "lost_after stop_on_client_after replace reconcile"})},
		{name: "ephemeral_disk", field: "EphemeralDisk", body: define(schema{attributes: "migrate size=SizeMB sticky"})},
		{name: "indexed", field: "Indexed", body: define(schema{attributes: "completions parallelism attempts max_failed"})},
		{name: "meta", field: "Meta", orAttribute: true},
		{name: "migrate", field: "Migrate", body: migrateSchema},
		{name: "network", field: "Networks", body: networkSchema},
		{name: "reschedule", field: "ReschedulePolicy", body: rescheduleSchema},
		{name: "restart", field: "RestartPolicy", body: restartSchema},
		{name: "scaling", field: "Scaling", body: groupScalingSchema},
		{name: "service", field: "Services", body: serviceSchema},
		{name: "spread", field: "Spreads", body: spreadSchema},
		{name: "task", field: "Tasks", body: taskSchema, label: "Name"},
		{name: "update", field: "Update", body: updateSchema},
		{name: "vault", field: "Vault", body: vaultSchema},
		{name: "volume", field: "Volumes", body: volumeSchema, label: "Name"},
	},
})

var restartSchema = define(schema{attributes: "attempts delay interval mode render_templates"})

var volumeSchema = define(schema{
	attributes: "type source read_only sticky access_mode attachment_mode per_alloc",
	blocks: []nested{
		{name: "mount_options", field: "MountOptions", body: define(schema{attributes: "fs_type=FSType mount_flags"})},
	},
})

var consulSchema = define(schema{attributes: "namespace cluster partition"})

var scalingSchema = schema{
	attributes: "min max type enabled",
	blocks:     []nested{{name: "policy", field: "Policy"}},
}

var groupScalingSchema = define(schema{
	attributes: scalingSchema.attributes,
	blocks:     scalingSchema.blocks,
	done: func(d *decoder, b *sourceBlock, target reflect.Value) {
		policy := target.Addr().Interface().(*api.ScalingPolicy)
		switch policy.Type {
		case "":
			policy.Type = scalingHorizontal
		case scalingHorizontal:
		default:
			d.errorf(b.at, "Invalid scaling type", "The scaling of a group is of type %q.", scalingHorizontal)
		}
		if policy.Max == nil {
			d.errorf(b.at, "Missing required argument", `The argument "max" is required, but no definition was found.`)
		}
	},
})

// groupTarget is a group, and the vault block that stands for the same block in
// each of its tasks that has none.
type groupTarget struct {
	api.TaskGroup
	Vault *api.Vault
}

func decodeGroup(d *decoder, b *sourceBlock, job reflect.Value) {
	target := groupTarget{TaskGroup: api.TaskGroup{Name: new(b.labels[0])}}
	d.decodeBody(groupSchema, b, reflect.ValueOf(&target).Elem())
	inheritVault(target.Tasks, target.Vault)
	groups := job.FieldByName("TaskGroups").Addr().Interface().(*[]*api.TaskGroup)
	*groups = append(*groups, &target.TaskGroup)
}
