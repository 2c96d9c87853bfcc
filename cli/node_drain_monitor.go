package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// drainMonitor follows a drain to its end and says what happens on the node.
type drainMonitor struct {
	*cli
	cl       *client.Client
	id       string // of the node
	draining bool   // the drain has begun, as far as is known
	strategy *api.DrainStrategy
	known    map[string]*api.Allocation // as they were when last looked at; nil: never looked
	quiet    *reminder
}

func (c *cli) drainMonitor(cl *client.Client, node string) *drainMonitor {
	return &drainMonitor{cli: c, cl: cl, id: node, quiet: &reminder{every: firstReminder, last: time.Now()}}
}

func (m *drainMonitor) say(format string, args ...any) {
	fmt.Fprintf(m.Out, "%s: %s\n", time.Now().Format(timeFormat), fmt.Sprintf(format, args...))
}

// start notes what is on the node before the drain begins.
func (m *drainMonitor) start(ctx context.Context) error {
	_, allocs, _, err := m.look(ctx)
	if err != nil {
		return err
	}
	m.note(allocs)
	return nil
}

func (m *drainMonitor) note(allocs []*api.Allocation) {
	m.known = make(map[string]*api.Allocation, len(allocs))
	for _, a := range allocs {
		m.known[a.ID] = a
	}
}

// look reads the node, then what is on it: the allocations are at least as new as what
// the node says of its drain. Errors pass as a server restarts: they are borne for
// serverPatience.
func (m *drainMonitor) look(ctx context.Context) (*api.Node, []*api.Allocation, uint64, error) {
	since := time.Now()
	for {
		node, _, nodeErr := m.cl.Nodes.Get(ctx, m.id, client.Query{})
		allocs, meta, err := m.cl.Nodes.Allocations(ctx, m.id, client.Query{Namespace: "*"})
		if err = errors.Join(nodeErr, err); err == nil {
			return node, allocs, meta.LastIndex, nil
		}
		if !passing(err) || time.Since(since) > serverPatience || !pause(ctx, followWait) {
			return nil, nil, 0, fmt.Errorf("Error monitoring node %q: %w", m.id, err)
		}
	}
}

// follow says what happens until the drain has ended. It is an error if that was
// cancelled.
func (m *drainMonitor) follow(ctx context.Context) error {
	m.resume = fmt.Sprintf(": the drain of node %s goes on without this command\nSee: drover node drain -monitor %[1]s", m.id)
	for {
		node, allocs, index, err := m.look(ctx)
		if err != nil {
			return err
		}
		m.tell(allocs)
		if node.DrainStrategy == nil {
			return m.ended(node, allocs)
		}
		m.updated(node)
		if m.quiet.due(time.Now()) > 0 {
			m.say("%s", waitsFor(node, allocs))
		}
		q := client.Query{Namespace: "*", WaitIndex: index, WaitTime: followWait}
		if _, _, err := m.cl.Nodes.Allocations(ctx, m.id, q); err != nil && !passing(err) {
			return fmt.Errorf("Error monitoring node %q: %w", m.id, err)
		}
	}
}

// updated tells of a strategy that took the place of another.
func (m *drainMonitor) updated(node *api.Node) {
	if m.strategy != nil && !m.strategy.ForceDeadline.Equal(node.DrainStrategy.ForceDeadline) {
		m.say("Node %q drain updated: %s", m.id, deadlineText(node.DrainStrategy))
	}
	m.strategy, m.draining = node.DrainStrategy, true
}

func deadlineText(d *api.DrainStrategy) string {
	switch {
	case d.Deadline < 0:
		return "everything is stopped at once"
	case d.ForceDeadline.IsZero():
		return "no deadline"
	}
	return "deadline " + d.ForceDeadline.Local().Format(timeFormat)
}

// drainText says whether a node is being drained, and how.
func drainText(n *api.Node) string {
	d := n.DrainStrategy
	if d == nil {
		return fmt.Sprint(n.Drain)
	}
	text := "true; "
	switch {
	case d.Deadline < 0:
		text += "force drain"
	case d.ForceDeadline.IsZero():
		text += "no deadline"
	default:
		text += stampOf(&d.ForceDeadline) + " deadline"
	}
	if d.IgnoreSystemJobs {
		text += "; ignoring system jobs"
	}
	return text
}

// ended says how the drain ended.
func (m *drainMonitor) ended(node *api.Node, allocs []*api.Allocation) error {
	switch {
	case !m.draining:
		m.say("No drain strategy set for node %s", m.id)
		return nil
	case node.LastDrain != nil && node.LastDrain.Status == api.DrainCanceled:
		return failf(1, "%s: Drain of node %s was canceled", time.Now().Format(timeFormat), m.id)
	}
	m.say("Drain complete for node %s", m.id)
	stay := slices.DeleteFunc(slices.Clone(allocs), func(a *api.Allocation) bool { return !liveAlloc(a) })
	if len(stay) > 0 {
		m.say("%s of system jobs left on node %q", counted(len(stay), "allocation"), m.id)
		return nil
	}
	m.say("All allocations on node %q have stopped", m.id)
	return nil
}

// tell says what became of the allocations since the last look.
func (m *drainMonitor) tell(allocs []*api.Allocation) {
	first := m.known == nil
	before := m.known
	m.note(allocs)
	var marked, leaving, moved []string
	for _, a := range slices.SortedFunc(slices.Values(allocs), func(a, b *api.Allocation) int { return strings.Compare(a.Name, b.Name) }) {
		old := before[a.ID]
		switch {
		case old == nil && !liveAlloc(a):
			continue // it ended before
		case old == nil:
			old = &api.Allocation{DesiredStatus: api.AllocDesiredRun, ClientStatus: a.ClientStatus}
			if !first {
				moved = append(moved, fmt.Sprintf("Alloc %q was placed before the drain was known", a.ID))
			}
		}
		if api.Deref(a.DesiredTransition.Migrate) && !api.Deref(old.DesiredTransition.Migrate) {
			marked = append(marked, fmt.Sprintf("Alloc %q marked for migration", a.ID))
		}
		if !a.WantsRun() && old.WantsRun() {
			leaving = append(leaving, fmt.Sprintf("Alloc %q draining", a.ID))
		}
		if a.ClientStatus != old.ClientStatus {
			moved = append(moved, fmt.Sprintf("Alloc %q status %s -> %s", a.ID, old.ClientStatus, a.ClientStatus))
		}
	}
	for _, line := range slices.Concat(marked, leaving, moved) {
		m.say("%s", line)
		m.quiet.reset(time.Now())
	}
}

// waitsFor says what a drain waits for.
func waitsFor(node *api.Node, allocs []*api.Allocation) string {
	counts := make(map[string]int)
	jobs := make(map[string]bool)
	for _, a := range allocs {
		kind := ""
		if a.Job != nil {
			kind = api.Deref(a.Job.Type)
		}
		switch {
		case !liveAlloc(a), kind == api.JobTypeSystem:
			continue
		case !a.WantsRun():
			counts["to end"]++
		case api.Deref(a.DesiredTransition.Migrate):
			counts["for room elsewhere"]++
			jobs[a.JobID] = true
		case kind == api.JobTypeService:
			counts["for other instances to be healthy"]++
		default:
			counts["to end by themselves"]++
		}
	}
	var parts []string
	for _, what := range []string{"for room elsewhere", "for other instances to be healthy", "to end by themselves", "to end"} {
		if counts[what] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
		}
	}
	text := "Still draining, " + deadlineText(node.DrainStrategy)
	if len(parts) > 0 {
		text += ", waiting: " + strings.Join(parts, ", ")
	}
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		text += "\n  why job " + id + " finds no room: drover job status " + id
	}
	return text
}
