package scheduler_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// TestScripts runs the conversations under testdata (go test -rewrite to accept
// their output). Every script starts with an empty fleet. The commands:
//
//	node id=n1 [dc= pool= class= cpu= mem= disk= cores= numa= max-allocs= ports=FIRST-LAST down ineligible]
//	    attr|meta NAME=VALUE, driver NAME=healthy|unhealthy|undetected,
//	    reserve cpu|mem|disk|ports|core VALUE, network NAME ADDRESS,
//	    device VENDOR/TYPE/NAME [!]ID,… [ATTRIBUTE=VALUE …], volume NAME [ro],
//	    plugin ID [zone=ZONE] [max=VOLUMES] [unhealthy] [controller], controller ID [unhealthy]
//	remove-node id=n1
//	job id=web [priority= count= type= pool= dcs=(…) cpu= mem= mem-max= disk= cores= driver=]
//	    constraint|group-constraint LEFT OPERAND RIGHT, affinity WEIGHT LEFT OPERAND RIGHT,
//	    spread WEIGHT ATTRIBUTE [VALUE=PERCENT …], static LABEL=PORT [NETWORK], dynamic LABEL [TO],
//	    mode MODE, task HOOK[,sidecar] CPU MEM, numa AFFINITY, core-task NAME CORES [AFFINITY],
//	    device NAME COUNT, device-constraint LEFT OPERAND RIGHT, device-affinity WEIGHT LEFT OPERAND RIGHT,
//	    volume SOURCE [ro] [per-alloc], csi SOURCE MODE [ro] [per-alloc]
//	volume id=data plugin=ebs modes=(…) [deleting] | remove-volume id=data
//	    topology SEGMENT=VALUE …
//	place job=web n=2 [freed=(…) penalty=(…) preferred= emptiest oversubscribe preempt]    allocations are named web-0, web-1, …
//	place-on job=web nodes=(n1,n2) [preempt]
//	feasible job=web | eligibility job=web | suits job=web node=n1
//	hold id=x node=n1 job=web [cpu= mem= ports=(…) stopping evicted priority= limit= since=]
//	free ids=(web-0) | undo    the placements of the last place
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := &script{fleet: scheduler.NewFleet(), jobs: map[string]*api.Job{}, next: map[string]int{}, victims: map[string][]scheduler.Victim{}}
		datadriven.RunTest(t, path, s.run)
	})
}

type script struct {
	fleet *scheduler.Fleet
	jobs  map[string]*api.Job
	next  map[string]int
	// victims are, by node, the allocations that may be preempted.
	victims map[string][]scheduler.Victim
	last    []scheduler.Placement
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "node":
		s.fleet.SetNode(nodeState(t, d))
	case "volume":
		s.fleet.SetVolume(csiVolume(t, d))
	case "remove-volume":
		s.fleet.RemoveVolume("default", text(t, d, "id", ""))
	case "remove-node":
		s.fleet.RemoveNode(text(t, d, "id", ""))
	case "job":
		job := parseJob(t, d)
		s.jobs[*job.ID] = job
	case "place":
		ask := s.ask(t, d, number(t, d, "n", 1))
		placed, failure := s.fleet.Place(ask)
		s.last = placed
		return describe(placed, failure)
	case "place-on":
		nodes := list(d, "nodes")
		return describe(s.fleet.PlaceOn(s.ask(t, d, len(nodes)), nodes))
	case "feasible":
		job := s.job(t, d)
		ids, why := s.fleet.FeasibleNodes(job, job.TaskGroups[0])
		return fmt.Sprintln(strings.Join(ids, " ")) + explain(why)
	case "eligibility":
		job := s.job(t, d)
		return counts("class", s.fleet.ClassEligibility(job, job.TaskGroups...))
	case "suits":
		job := s.job(t, d)
		ok, why := s.fleet.Suits(job, job.TaskGroups[0], text(t, d, "node", ""))
		return fmt.Sprintln(ok, why)
	case "hold":
		a := held(t, d)
		s.fleet.SetAllocation(a)
		others := slices.DeleteFunc(s.victims[a.NodeID], func(v scheduler.Victim) bool { return v.ID == a.ID })
		s.victims[a.NodeID] = append(others, scheduler.Victim{
			ID: a.ID, Priority: number(t, d, "priority", 50), Limit: number(t, d, "limit", 0), Since: uint64(number(t, d, "since", 0)),
		})
	case "free":
		for _, id := range list(d, "ids") {
			s.fleet.RemoveAllocation(id)
		}
	case "undo":
		for _, p := range s.last {
			s.fleet.GiveBack(p)
		}
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return ""
}

func (s *script) job(t *testing.T, d *datadriven.TestData) *api.Job {
	job := s.jobs[text(t, d, "job", "")]
	if job == nil {
		d.Fatalf(t, "no such job")
	}
	return job
}

func (s *script) ask(t *testing.T, d *datadriven.TestData, n int) scheduler.Ask {
	job := s.job(t, d)
	ask := scheduler.Ask{
		Job: job, Group: job.TaskGroups[0], Count: n, Freed: list(d, "freed"), PenaltyNodes: list(d, "penalty"), Preferred: text(t, d, "preferred", ""),
		Policy: scheduler.Policy{Spread: d.HasArg("emptiest"), Oversubscribe: d.HasArg("oversubscribe")},
	}
	if d.HasArg("preempt") {
		ask.Victims = func(node string) []scheduler.Victim { return s.victims[node] }
	}
	for range n {
		ask.IDs = append(ask.IDs, fmt.Sprintf("%s-%d", *job.ID, s.next[*job.ID]))
		s.next[*job.ID]++
	}
	return ask
}

func held(t *testing.T, d *datadriven.TestData) *api.Allocation {
	a := &api.Allocation{
		ID: text(t, d, "id", ""), NodeID: text(t, d, "node", ""), JobID: text(t, d, "job", ""), Namespace: "default",
		TaskGroup: "g", DesiredStatus: api.AllocDesiredRun,
		Usage: api.Usage{CPU: int64(number(t, d, "cpu", 0)), MemoryMB: int64(number(t, d, "mem", 0))},
	}
	for _, port := range list(d, "ports") {
		value, err := strconv.Atoi(port)
		if err != nil {
			d.Fatalf(t, "port: %v", err)
		}
		a.Ports = append(a.Ports, api.AllocatedPort{Value: value, HostIP: "10.0.0.1"})
	}
	if d.HasArg("stopping") {
		a.DesiredStatus = api.AllocDesiredStop
	}
	if d.HasArg("evicted") {
		a.DesiredStatus = api.AllocDesiredEvict
	}
	return a
}

// describe prints placements with the parts of their scores that are not 0.
func describe(placed []scheduler.Placement, failure *api.AllocationMetric) string {
	var b strings.Builder
	for _, p := range placed {
		fmt.Fprintf(&b, "%s on %s", p.AllocID, p.NodeID)
		for _, port := range p.Ports {
			fmt.Fprintf(&b, " %s=%s:%d", port.Label, port.HostIP, port.Value)
			if port.To != 0 {
				fmt.Fprintf(&b, "→%d", port.To)
			}
		}
		for _, grant := range p.Grants {
			if len(grant.Cores) > 0 {
				fmt.Fprintf(&b, " %s:cores=%v/%dMHz", grant.Task, grant.Cores, grant.CPU)
			}
			for _, d := range grant.Devices {
				fmt.Fprintf(&b, " %s:%s/%s/%s=%s", grant.Task, d.Vendor, d.Type, d.Name, strings.Join(d.DeviceIDs, ","))
			}
		}
		for _, c := range p.Claims() {
			fmt.Fprintf(&b, " %s:%s", c.Volume, c.AccessMode)
			if c.ReadOnly {
				b.WriteString(",ro")
			}
		}
		if len(p.Preempted) > 0 {
			fmt.Fprintf(&b, " instead of %s", strings.Join(p.Preempted, ", "))
		}
		if p.Usage.MemoryMaxMB > 0 {
			fmt.Fprintf(&b, " with up to %d MiB", p.Usage.MemoryMaxMB)
		}
		for i, meta := range p.Metrics.ScoreMetaData {
			if i == 0 {
				fmt.Fprintf(&b, " at %.4f", meta.NormScore)
			} else {
				fmt.Fprintf(&b, ", %s %.4f", meta.NodeID, meta.NormScore)
			}
			for _, name := range slices.Sorted(maps.Keys(meta.Scores)) {
				if meta.Scores[name] != 0 {
					fmt.Fprintf(&b, " %s=%.4f", name, meta.Scores[name])
				}
			}
		}
		fmt.Fprintln(&b)
	}
	if failure != nil {
		fmt.Fprintf(&b, "not placed: %d\n%s", failure.CoalescedFailures+1, explain(failure))
	}
	return b.String()
}

func explain(m *api.AllocationMetric) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool %s %d, evaluated %d, filtered %d, exhausted %d\n",
		m.NodePool, m.NodesInPool, m.NodesEvaluated, m.NodesFiltered, m.NodesExhausted)
	b.WriteString(counts("available", m.NodesAvailable))
	b.WriteString(counts("constraint", m.ConstraintFiltered))
	b.WriteString(counts("class filtered", m.ClassFiltered))
	b.WriteString(counts("dimension", m.DimensionExhausted))
	b.WriteString(counts("class exhausted", m.ClassExhausted))
	for _, task := range slices.Sorted(maps.Keys(m.ResourcesExhausted)) {
		r := m.ResourcesExhausted[task]
		fmt.Fprintf(&b, "  task %s wanted cpu %d cores %d memory %d\n", task, *r.CPU, *r.Cores, *r.MemoryMB)
	}
	return b.String()
}

func counts[V any](what string, m map[string]V) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "  %s %q: %v\n", what, key, m[key])
	}
	return b.String()
}

func text(t *testing.T, d *datadriven.TestData, key, otherwise string) string {
	t.Helper()
	value := otherwise
	d.MaybeScanArgs(t, key, &value)
	return value
}

func number(t *testing.T, d *datadriven.TestData, key string, otherwise int) int {
	t.Helper()
	value := otherwise
	d.MaybeScanArgs(t, key, &value)
	return value
}

func list(d *datadriven.TestData, key string) []string {
	arg, _ := d.Arg(key)
	return arg.Vals
}
