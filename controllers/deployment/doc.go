// Package deployment is the controller that sees the rollout of a job's version to
// its end.
//
// The job controller begins a Deployment with the first instances of a version, and
// cancels it when another version comes or the job is stopped. This controller says,
// from what node agents report, which instances are healthy, and so lets the job
// controller go on; and it says when the rollout is over:
//
//	running ──▶ successful   as many instances are healthy as are wanted, and no canaries
//	                         wait to be promoted
//	        ──▶ failed       none became healthy for as long as the progress deadline,
//	                         or, without such a deadline, one is unhealthy
//	paused                   instances are judged; no deadline of the rollout passes
//
// The version of a successful one is marked stable. One that failed goes back to the
// last stable version if its groups ask for that (auto_revert), as a new version; one
// that has the same spec as that is not gone back from, so that this ends.
//
// # Canaries
//
// A group with canaries is on trial until they are promoted: by this controller when
// all are healthy and all groups ask for it (promote.go), or by an operator. While
// healthy canaries wait for an operator no deadline passes. What operators ask for is
// worked out here, too, as functions of a snapshot that the HTTP API commits (Order in
// byhand.go).
//
// # Health
//
// Package health says what healthy means. With health_check "manual" only an operator
// says so; but an instance that failed is unhealthy in any case.
//
// The times at which tasks started are by the clocks of their nodes; judging is by
// this server's. A node whose clock is behind or ahead can't make its instances
// healthy sooner than min_healthy_time after they were placed, or never.
package deployment
