// Package allocation is the controller that judges single allocations: whether one is
// lost with its node, and when one that failed may be replaced. What then happens is
// the business of the job controller.
//
//	its node is out of contact or gone,          Lost = lost, DesiredStatus = stop
//	and it had not ended
//	the same, and its group would have it back   Lost = unknown; lost when the time for
//	                                             that has passed
//	it was unknown, and its node is back         Lost = nothing
//	it failed, and its group may replace it      DesiredTransition.Reschedule = true,
//	                                             when the policy's delay has passed
//
// A second one, absence (absence.go), judges all allocations of nodes that are out of
// contact together, one job after the other: there may be a hundred thousand at once.
//
// A lost allocation is not subject to the reschedule policy: the job controller
// replaces it at once. An unknown one is replaced too, or waited for, as the group says
// (api.DisconnectStrategy). A failed one for which no attempts are left in the policy's
// interval stays as it is.
//
// While a deployment that made an allocation goes on, the allocation's failure is the
// deployment's business: it is replaced only after the deployment controller has
// called it unhealthy, and only if the group has a progress deadline to be met. After
// the deployment of the current version failed, nothing of it is replaced: the next
// version will do that.
//
// An allocation is marked as lost, or for replacement, once. That mark stays, and its
// successor gets the history of replacements (RescheduleTracker) that the policy is
// judged by.
package allocation
