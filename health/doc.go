// Package health says how an instance of a task group does: whether it can be
// counted on, whether it can not, or when to look again. It is one function of
// values, [Judge], so that whoever has to wait for an instance to be healthy (a
// rollout, a drain) judges by the same rules.
//
// An instance is healthy once all its tasks have been as they should be for a while:
// main tasks and sidecars run, tasks that are to end ended well. By the terms "checks"
// all checks of its services have to pass as well, but for those that say nothing of
// an update (on_update = "ignore"). It is unhealthy if it failed, if a task of it ended
// that should not, or if it did not become healthy in time. What is unhealthy stays so,
// and what is healthy becomes unhealthy only by breaking ([Broken]); to remember that
// is the caller's business.
//
// Moments in an instance's status are told by its node's clock, and those may be
// ahead of the server's. [LastTurn] is the latest of them; who finds it in the future
// notes when it was first seen ([Sightings]) and passes that instead.
package health
