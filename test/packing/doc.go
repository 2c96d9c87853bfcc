// Package packing measures how few nodes the scheduler fills, beside the heuristics that the
// literature knows for packing vectors into bins: first-fit decreasing, best fit and dot
// product (R. Panigrahy and others, Heuristics for Vector Bin Packing, 2011). All of them
// get the same workload: groups that come and go over many rounds, with sizes that are
// heavy-tailed, some bound by CPU and some by memory.
package packing
