// Package env makes the environment that a task sees, the NOMAD_* variables that jobs
// rely on among it, and replaces ${…} in what the job says.
//
//	vars := env.Build(env.Input{Alloc: a, Job: job, Task: task, Node: node, …})
//	config := vars.ReplaceAny(task.Config)
//	environ := vars.Map()
//
// A reference is to the node (${node.datacenter}, ${attr.kernel.name},
// ${meta.rack}) or to a variable (${NOMAD_PORT_http}, ${PATH}, ${env["PATH"]}).
// One that is not known stays as it is written, because it may be meant for the
// task's own shell. What a reference stands for is not looked at again.
//
// Which wins: the task's env block over the agent's own environment, and that is
// only taken where no NOMAD_* variable has the name.
package env
