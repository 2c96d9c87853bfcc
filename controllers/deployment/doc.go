// Package deployment is the controller that sees the rollout of a job's version to
// its end.
//
// The job controller begins a Deployment with the first instances of a version, and
// cancels it when another version comes or the job is stopped. This controller says,
// from what node agents report, which instances are healthy, and so lets the job
// controller go on; and it says when the rollout is over:
//
//	running ──▶ successful   as many instances are healthy as are wanted
//	        ──▶ failed       none became healthy for as long as the progress deadline,
//	                         or, without such a deadline, one is unhealthy
//
// The version of a successful one is marked stable. One that failed goes back to the
// last stable version if its groups ask for that (auto_revert).
//
// # Health
//
// An instance is healthy when its main tasks and sidecars have run without a restart
// for min_healthy_time, and its other prestart tasks have ended well. It is unhealthy
// when it failed, or was not healthy by healthy_deadline. Checks of services are not
// looked at: health_check "checks" is judged by task states, too.
//
// The times at which tasks started are by the clocks of their nodes; judging is by
// this server's. A node whose clock is behind or ahead can't make its instances
// healthy sooner than min_healthy_time after they were placed, or never.
package deployment
