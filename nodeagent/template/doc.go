// Package template renders the template blocks of one task, before it starts and
// whenever what they read changes.
//
//	set, err := template.New(blocks, template.Options{Dir: dir, Vars: vars, Dial: dial, …})
//	env, err := set.First(ctx)                // blocks until all of them are there
//	…                                         // the task is started
//	set.Watch(ctx, func(c template.Change) …) // until ctx is done
//
// The language and its functions are those of consul-template, whose library does the
// executing. What a template reads of the cluster (nomadService, nomadVar …) the library
// asks for with the HTTP API, over a connection that Dial opens; the answers are waited
// for, so that a change is known when it happens. Functions that read from where nothing
// is (Consul, Vault), run programs or write files are refused by name, and those that
// read files or the environment see the task's alone.
//
// Between First and Watch nothing is under way: what one has read, and up to which index,
// the other goes on from.
package template
