package scheduler

import (
	"maps"
	"slices"
)

// noGroup is the group of allocations that do not count as instances.
const noGroup = -1

// groupKey names a task group of a job.
type groupKey struct {
	namespace, job, group string
}

type jobKey struct {
	namespace, job string
}

// groups says how many instances of each task group are on each node.
type groups struct {
	table  table[groupKey]
	counts []*groupCounts     // by number in the table
	byJob  map[jobKey][]int32 // lists are never written to again
}

// groupCounts is how many instances of a group are on which node.
type groupCounts struct {
	mark    *mark
	perNode map[int32]int32 // by slot
}

// add counts one more instance of a group on a node and returns the group's number.
func (g *groups) add(m *mark, key groupKey, slot int32) int32 {
	id := g.table.acquire(key)
	for int(id) >= len(g.counts) {
		g.counts = append(g.counts, nil)
	}
	if g.counts[id] == nil {
		g.counts[id] = &groupCounts{mark: m, perNode: map[int32]int32{}}
		if g.byJob == nil {
			g.byJob = map[jobKey][]int32{}
		}
		job := jobKey{key.namespace, key.job}
		g.byJob[job] = append(slices.Clip(g.byJob[job]), id)
	}
	g.own(m, id).perNode[slot]++
	return id
}

// remove counts one instance less.
func (g *groups) remove(m *mark, id, slot int32) {
	key := g.table.key(id)
	if !g.table.release(id) {
		perNode := g.own(m, id).perNode
		if perNode[slot]--; perNode[slot] == 0 {
			delete(perNode, slot)
		}
		return
	}
	g.counts[id] = nil
	job := jobKey{key.namespace, key.job}
	left := make([]int32, 0, len(g.byJob[job]))
	for _, other := range g.byJob[job] {
		if other != id {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(g.byJob, job)
		return
	}
	g.byJob[job] = left
}

// perNode returns how many instances of a group are on each node, by slot. It must
// not be written.
func (g *groups) perNode(id int32) map[int32]int32 { return g.counts[id].perNode }

func (g *groups) own(m *mark, id int32) *groupCounts {
	c := g.counts[id]
	if c.mark != m {
		c = &groupCounts{mark: m, perNode: maps.Clone(c.perNode)}
		g.counts[id] = c
	}
	return c
}

func (g *groups) clone() groups {
	return groups{table: g.table.clone(), counts: slices.Clone(g.counts), byJob: maps.Clone(g.byJob)}
}
