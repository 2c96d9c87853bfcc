// Package scaling is the controller that makes the scaling blocks of jobs found by
// autoscalers: for each group that has one there is a ScalingPolicy, whose ID is always
// the same for the same group, for as long as the job should run.
package scaling
