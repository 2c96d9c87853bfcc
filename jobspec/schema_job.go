package jobspec

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/droverhq/drover/api"
)

// jobTarget is a job, and blocks at its level that stand for the same block in
// every task or a group.
type jobTarget struct {
	api.Job
	Vault *api.Vault
	Tasks []*api.Task
}

var jobSchema = define(schema{
	attributes: "id=ID name region namespace type priority all_at_once datacenters node_pool" +
		" consul_namespace vault_namespace deadline ttl_after_finished=TTLAfterFinished",
	blocks: []nested{
		{name: "affinity", field: "Affinities", body: affinitySchema},
		{name: "constraint", field: "Constraints", body: constraintSchema},
		{name: "depends_on", field: "DependsOn", body: dependsOnSchema, label: "Job"},
		{name: "group", field: "TaskGroups", body: groupSchema, label: "Name", decode: decodeGroup},
		{name: "meta", field: "Meta", orAttribute: true},
		{name: "migrate", field: "Migrate", body: migrateSchema},
		{name: "multiregion", field: "Multiregion", body: multiregionSchema},
		{name: "parameterized", field: "ParameterizedJob", body: parameterizedSchema},
		{name: "periodic", field: "Periodic", body: periodicSchema},
		{name: "reschedule", field: "Reschedule", body: rescheduleSchema},
		{name: "spread", field: "Spreads", body: spreadSchema},
		{name: "task", field: "Tasks", body: taskSchema, label: "Name"},
		{name: "ui", field: "UI", body: uiSchema},
		{name: "update", field: "Update", body: updateSchema},
		{name: "vault", field: "Vault", body: vaultSchema},
	},
})

var periodicSchema = define(schema{
	attributes: "cron=Spec crons=Specs enabled prohibit_overlap time_zone",
	done: func(_ *decoder, _ *sourceBlock, target reflect.Value) {
		if p := target.Addr().Interface().(*api.PeriodicConfig); p.Spec != nil || p.Specs != nil {
			p.SpecType = new(specTypeCron)
		}
	},
})

var parameterizedSchema = define(schema{attributes: "payload meta_required meta_optional max_concurrent"})

var dependsOnSchema = define(schema{attributes: "namespace condition"})

var uiSchema = define(schema{
	attributes: "description",
	blocks:     []nested{{name: "link", field: "Links", body: define(schema{attributes: "label url=URL"})}},
})

var multiregionSchema = define(schema{
	blocks: []nested{
		{name: "strategy", field: "Strategy", body: define(schema{attributes: "max_parallel on_failure"})},
		{name: "region", field: "Regions", label: "Name", body: define(schema{
			attributes: "count datacenters node_pool",
			blocks:     []nested{{name: "meta", field: "Meta", orAttribute: true}},
		})},
	},
})

var updateSchema = define(schema{
	attributes: "max_parallel health_check min_healthy_time healthy_deadline progress_deadline auto_revert auto_promote canary stagger",
})

var migrateSchema = define(schema{attributes: "max_parallel health_check min_healthy_time healthy_deadline"})

var rescheduleSchema = define(schema{attributes: "attempts interval delay delay_function max_delay unlimited"})

var spreadSchema = define(schema{
	attributes: "attribute weight",
	blocks: []nested{
		{name: "target", field: "SpreadTarget", label: "Value", body: define(schema{attributes: "percent"})},
	},
})

// job decodes the job block.
func (d *decoder) job(block *hcl.Block, ctx *hcl.EvalContext) *jobFile {
	file := &jobFile{name: block.Labels[0]}
	body, ok := block.Body.(*hclsyntax.Body)
	if !ok {
		d.errorf(block.DefRange, "Unsupported syntax", "The job is not in HCL's native syntax.")
		return file
	}
	var target jobTarget
	d.decodeBody(jobSchema, &sourceBlock{kind: "job", labels: block.Labels, body: body, ctx: ctx, at: block.DefRange}, reflect.ValueOf(&target).Elem())
	file.job, file.vault, file.tasks = &target.Job, target.Vault, target.Tasks
	return file
}
