package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) allocStatus() *cobra.Command {
	var verbose, short, stats bool
	form := new(form)
	cmd := c.verb("status ALLOC", "Show an allocation, with the events of its tasks",
		"ALLOC may be the beginning of an allocation's ID.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 0 {
				return c.listAllocs(ctx, cl, ids(verbose), form)
			}
			stub, err := c.findAlloc(ctx, cl, args[0])
			if err != nil {
				return err
			}
			a, _, err := cl.Allocations.Get(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error querying allocation: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, a)
			}
			v := &allocView{alloc: a, version: stub.JobVersion, ids: ids(verbose), stats: stats, now: time.Now()}
			if !short && liveAlloc(a) {
				if v.checks, err = checksOf(ctx, cl, a.ID, a.Namespace); err != nil {
					return fmt.Errorf("Error querying allocation checks: %w", err)
				}
				v.use, v.useErr = cl.Allocations.Stats(ctx, a.ID, client.Query{Namespace: a.Namespace})
			}
			if held, err := heldBack(ctx, cl, a); err != nil {
				return err
			} else if !held {
				v.eligible = eligibility(a, v.now)
			}
			fmt.Fprint(c.Out, v.text(short))
			return nil
		})
	f := cmd.Flags()
	f.BoolVar(&verbose, "verbose", false, "with full IDs, times and placement scores")
	f.BoolVar(&short, "short", false, "only the latest event of every task")
	f.BoolVar(&stats, "stats", false, "with figures of memory and processor")
	form.register(f)
	return cmd
}

func (c *cli) listAllocs(ctx context.Context, cl *client.Client, l ids, form *form) error {
	allocs, _, err := cl.Allocations.List(ctx, client.Query{Namespace: c.anyNamespace()})
	if err != nil {
		return fmt.Errorf("Error querying allocations: %w", err)
	}
	if form.asked() {
		return form.print(c.Out, allocs)
	}
	fmt.Fprint(c.Out, allocTable(allocs, l, time.Now()))
	return nil
}

// allocView shows an allocation.
type allocView struct {
	alloc   *api.Allocation
	version uint64
	ids     ids
	stats   bool
	now     time.Time
	use     *api.AllocResourceUsage
	useErr  error
	checks  map[string]*api.CheckResult
	// eligible is when it is going to be replaced, if it failed and is.
	eligible string
}

func (v *allocView) when(ns int64) string {
	if v.ids == longIDs {
		return stamp(ns)
	}
	return ago(ns, v.now)
}

func (v *allocView) text(short bool) string {
	var b strings.Builder
	b.WriteString(v.facts())
	b.WriteString(v.addresses())
	if short {
		rows := [][]string{{"Name", "State", "Last Event", "Time", "Lifecycle"}}
		for _, name := range v.tasks() {
			rows = append(rows, v.shortTask(name))
		}
		b.WriteString("\nTasks\n" + table(rows))
		return b.String()
	}
	b.WriteString(checkTable(v.checks))
	for _, name := range v.tasks() {
		b.WriteString("\n" + v.task(name))
	}
	if v.ids == longIDs && v.alloc.Metrics != nil {
		b.WriteString("\nPlacement Metrics\n" + scoreTable(v.alloc.Metrics))
	}
	return b.String()
}

func (v *allocView) facts() string {
	a := v.alloc
	facts := []string{
		"ID", a.ID,
		"Eval ID", v.ids.of(a.EvalID),
		"Name", a.Name,
		"Node ID", v.ids.of(a.NodeID),
		"Node Name", a.NodeName,
		"Job ID", a.JobID,
		"Job Version", strconv.FormatUint(v.version, 10),
		"Client Status", a.ClientStatus,
		"Client Description", orNone(a.ClientDescription),
		"Desired Status", a.DesiredStatus,
		"Desired Description", orNone(a.DesiredDescription),
		"Created", v.when(a.CreateTime),
		"Modified", v.when(a.ModifyTime),
	}
	if a.DeploymentID != "" {
		facts = append(facts, "Deployment ID", v.ids.of(a.DeploymentID), "Deployment Health", deploymentHealth(a))
		if s := a.DeploymentStatus; s != nil && s.Canary {
			facts = append(facts, "Canary", "true")
		}
	}
	if a.PreviousAllocation != "" {
		facts = append(facts, "Previous Alloc ID", v.ids.of(a.PreviousAllocation))
	}
	if a.NextAllocation != "" {
		facts = append(facts, "Replacement Alloc ID", v.ids.of(a.NextAllocation))
	}
	if a.PreemptedByAllocation != "" {
		facts = append(facts, "Preempted by", v.ids.of(a.PreemptedByAllocation))
	}
	if len(a.PreemptedAllocations) > 0 {
		var list []string
		for _, id := range a.PreemptedAllocations {
			list = append(list, v.ids.of(id))
		}
		facts = append(facts, "Preempted Allocations", strings.Join(list, ", "))
	}
	if r := a.RescheduleTracker; r != nil && len(r.Events) > 0 {
		facts = append(facts, "Reschedule Attempts", rescheduleAttempts(a))
	}
	if v.eligible != "" {
		facts = append(facts, "Reschedule Eligibility", v.eligible)
	}
	if m := a.Metrics; v.ids == longIDs && m != nil {
		facts = append(facts,
			"Evaluated Nodes", strconv.Itoa(m.NodesEvaluated), "Filtered Nodes", strconv.Itoa(m.NodesFiltered),
			"Exhausted Nodes", strconv.Itoa(m.NodesExhausted), "Allocation Time", m.AllocationTime.String(),
			"Failures", strconv.Itoa(m.CoalescedFailures))
	}
	return pairs(facts...)
}

func deploymentHealth(a *api.Allocation) string {
	switch s := a.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return "unset"
	case *s.Healthy:
		return "healthy"
	}
	return "unhealthy"
}

// rescheduleAttempts is how often the allocation was replaced, of how often it may.
func rescheduleAttempts(a *api.Allocation) string {
	done := len(a.RescheduleTracker.Events)
	if a.Job != nil {
		if g := a.Job.Group(a.TaskGroup); g != nil && g.ReschedulePolicy != nil && !api.Deref(g.ReschedulePolicy.Unlimited) {
			return fmt.Sprintf("%d/%d", done, api.Deref(g.ReschedulePolicy.Attempts))
		}
	}
	return strconv.Itoa(done)
}

func (v *allocView) addresses() string {
	if v.alloc.AllocatedResources == nil || len(v.alloc.AllocatedResources.Shared.Ports) == 0 {
		return ""
	}
	rows := [][]string{{"Label", "Dynamic", "Address"}}
	for _, p := range v.alloc.AllocatedResources.Shared.Ports {
		address := fmt.Sprintf("%s:%d", p.HostIP, p.Value)
		if p.To > 0 {
			address += fmt.Sprintf(" -> %d", p.To)
		}
		rows = append(rows, []string{"*" + p.Label, "yes", address})
	}
	return "\nAllocation Addresses" + v.networkMode() + ":\n" + table(rows)
}

// networkMode says of a group that names one which network it has.
func (v *allocView) networkMode() string {
	for _, n := range v.alloc.AllocatedResources.Shared.Networks {
		if n.Mode != "" {
			return fmt.Sprintf(" (mode = %q)", n.Mode)
		}
	}
	return ""
}

// tasks are the allocation's tasks in the order in which they run.
func (v *allocView) tasks() []string {
	order := map[string]int{}
	if v.alloc.Job != nil {
		if g := v.alloc.Job.Group(v.alloc.TaskGroup); g != nil {
			for i, t := range g.Tasks {
				order[t.Name] = i + len(g.Tasks)*phase(t)
			}
		}
	}
	for name := range v.alloc.TaskStates {
		if _, known := order[name]; !known {
			order[name] = len(order)
		}
	}
	names := slices.Collect(maps.Keys(order))
	slices.SortFunc(names, func(a, b string) int { return order[a] - order[b] })
	return names
}

func phase(t *api.Task) int {
	if t.IsMain() {
		return 2
	}
	return map[string]int{api.HookPrestart: 1, api.HookPoststart: 3, api.HookPoststop: 4}[t.Lifecycle.Hook]
}

func (v *allocView) state(name string) *api.TaskState {
	if s := v.alloc.TaskStates[name]; s != nil {
		return s
	}
	return &api.TaskState{State: api.TaskStatePending}
}

// lifecycle says when a task that is not a main one runs.
func (v *allocView) lifecycle(name string) string {
	if v.alloc.Job == nil {
		return ""
	}
	g := v.alloc.Job.Group(v.alloc.TaskGroup)
	if g == nil || g.Task(name) == nil || g.Task(name).IsMain() {
		return ""
	}
	l := g.Task(name).Lifecycle
	if l.Sidecar {
		return l.Hook + " sidecar"
	}
	return l.Hook
}

func (v *allocView) shortTask(name string) []string {
	s := v.state(name)
	row := []string{name, s.State, "<none>", "<none>", firstText(v.lifecycle(name), "main")}
	if n := len(s.Events); n > 0 {
		row[2], row[3] = s.Events[n-1].Type, stamp(s.Events[n-1].Time)
	}
	return row
}

func (v *allocView) task(name string) string {
	s := v.state(name)
	title := fmt.Sprintf("Task %q", name)
	if l := v.lifecycle(name); l != "" {
		title += " (" + l + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %q\n", title, s.State)
	b.WriteString(v.resources(name))
	b.WriteString("\nTask Events:\n" + pairs(
		"Started At", stampUTC(s.StartedAt), "Finished At", stampUTC(s.FinishedAt),
		"Total Restarts", strconv.FormatUint(s.Restarts, 10), "Last Restart", stampUTC(s.LastRestart)))
	rows := [][]string{{"Time", "Type", "Description"}}
	for _, e := range slices.Backward(s.Events) {
		rows = append(rows, []string{stamp(e.Time), e.Type, firstText(e.DisplayMessage, e.Message)})
	}
	b.WriteString("\nRecent Events:\n" + table(rows))
	return b.String()
}

func stampUTC(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "N/A"
	}
	return t.UTC().Format(timeFormat)
}

// resources shows what a task was given, and uses of it.
func (v *allocView) resources(name string) string {
	if v.alloc.AllocatedResources == nil || v.alloc.AllocatedResources.Tasks[name] == nil {
		return ""
	}
	r := v.alloc.AllocatedResources.Tasks[name]
	cpu, memory := fmt.Sprintf("%d MHz", r.Cpu.CpuShares), mib(r.Memory.MemoryMB)
	var detail string
	if v.use != nil && v.use.Tasks[name] != nil && v.use.Tasks[name].ResourceUsage != nil {
		u := v.use.Tasks[name].ResourceUsage
		cpu = fmt.Sprintf("%.0f/%s", u.CpuStats.TotalTicks, cpu)
		memory = bytesOf(u.MemoryStats.RSS) + "/" + memory
		if v.stats {
			detail = "\nMemory Stats\n" + table([][]string{{"RSS", "Swap"}, {bytesOf(u.MemoryStats.RSS), bytesOf(u.MemoryStats.Swap)}}) +
				"\nCPU Stats\n" + table([][]string{
				{"Percent", "System Mode", "User Mode"},
				{percent(u.CpuStats.Percent), percent(u.CpuStats.SystemMode), percent(u.CpuStats.UserMode)},
			})
		}
	} else if v.stats && v.useErr != nil {
		detail = fmt.Sprintf("\nError reading figures: %v\n", v.useErr)
	}
	return "Task Resources:\n" + table([][]string{
		{"CPU", "Memory", "Disk", "Addresses"},
		{cpu, memory, mib(v.alloc.AllocatedResources.Shared.DiskMB), ""},
	}) + detail
}

func scoreTable(m *api.AllocationMetric) string {
	parts := map[string]bool{}
	for _, n := range m.ScoreMetaData {
		for part := range n.Scores {
			parts[part] = true
		}
	}
	names := slices.Sorted(maps.Keys(parts))
	rows := [][]string{append(append([]string{"Node"}, names...), "final score")}
	for _, n := range m.ScoreMetaData {
		row := []string{n.NodeID}
		for _, part := range names {
			row = append(row, strconv.FormatFloat(n.Scores[part], 'g', 3, 64))
		}
		rows = append(rows, append(row, strconv.FormatFloat(n.NormScore, 'g', 3, 64)))
	}
	return table(rows)
}
