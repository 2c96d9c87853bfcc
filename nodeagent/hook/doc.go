// Package hook prepares a task before its driver starts it. Each Hook does one thing;
// Default is the list, in the order in which they run. They run again before every
// restart, so each finds what it did before and leaves it.
//
//	start := &hook.Start{Alloc: a, Job: job, Group: g, Task: t, Node: node, Dir: dir}
//	err := hook.Run(ctx, hook.Default(), start)
//	config := start.Vars.ReplaceMap(t.Config)
//
// What the tasks of an allocation share is made by hooks of another kind, Alloc, once for
// all of them: see Prerun and Postrun.
//
// A hook that fails keeps the task from starting. Its error wraps api.ErrNotSupported,
// or is an *api.InvalidError, when to try again can't help; otherwise the task's
// restart policy decides.
package hook
