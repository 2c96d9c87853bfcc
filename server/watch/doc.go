// Package watch lets many readers wait for few changes. It is what blocking
// queries (?index=N&wait=D) wait on.
//
// A Hub reads the store's change feed once, whoever waits, and wakes only those
// whose Topics a change concerns; a waiter costs one goroutine and a few map
// entries. A Topic is a set of objects that somebody may ask for: a kind, one
// object, or what an index lists under a value.
//
// The Hub remembers which topics changed lately, so that somebody who asks again
// with the index of the last answer neither misses what changed in between nor
// returns without need. Who asks for what is no longer remembered is told at once
// that something may have changed: a wake-up too many is allowed, one too few is not.
//
//	hub := watch.NewHub(store)
//	go hub.Start(ctx)
//	…
//	err := hub.Wait(ctx, index, watch.Object(api.JobKey("default", "shop")), watch.Index(api.KindJobVersion, store.ByJob, store.JobValue("default", "shop")))
package watch
