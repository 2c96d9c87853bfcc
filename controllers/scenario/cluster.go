package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
)

// Preview tells what registering a job would do.
type Preview func(snap store.Snapshot, j *api.Job, now time.Time) string

// Cluster is a simulated cluster. Its methods play users, servers and node agents; like
// those of a World they are for the test's goroutine, inside a bubble of
// testing/synctest.
type Cluster struct {
	*reconciletest.World
	preview Preview
	serial  int // of evaluations that users asked for
	teller  teller
}

// New makes a cluster without nodes and starts the controllers.
func New(t *testing.T, register reconciletest.Register) *Cluster {
	t.Helper()
	c := &Cluster{World: reconciletest.New(t, register)}
	c.teller = newTeller()
	return c
}

// Do runs one command of a script and returns what it says besides the story.
func (c *Cluster) Do(line string) (string, error) {
	args := strings.Fields(line)
	verb, args := args[0], args[1:]
	if len(args) == 0 && verb != "agents" && verb != "restart" {
		return "", fmt.Errorf("%s what?", verb)
	}
	switch verb {
	case "node":
		return "", c.node(args)
	case "csi":
		return "", c.csi(args)
	case "unclaim":
		c.unclaim(args[0])
	case "drain", "undrain":
		return "", c.drain(verb, args)
	case "run", "plan":
		j, err := c.Job(args)
		if err != nil {
			return "", err
		}
		if verb == "plan" {
			return c.preview(c.Store.Snapshot(), j, c.Now()), nil
		}
		c.Register(j)
	case "stop":
		c.Stop(args[0], len(args) > 1)
	case "end":
		return "", c.end(args)
	case "promote", "pause", "resume", "abort", "good", "bad":
		return c.operate(verb, args)
	case "agents":
		c.Agents()
	case "advance":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return "", err
		}
		c.Advance(d)
	case "restart":
		c.Restart()
	case "configure":
		return "", c.configure(args)
	case "child":
		return "", c.child(args)
	case "show":
		return c.teller.show(c.Store.Snapshot(), args[0]), nil
	default:
		return "", c.toEach(verb, args)
	}
	return "", nil
}

func (c *Cluster) node(args []string) error {
	cpu, memory, dc, rack, status, eligibility := 4000, 4000, "dc1", "", api.NodeReady, api.NodeEligible
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "cpu":
			cpu, err = strconv.Atoi(value)
		case "mem":
			memory, err = strconv.Atoi(value)
		case "dc":
			dc = value
		case "rack":
			rack = value
		case "volume", "plugin", "controller": // see volumesOf, pluginsOf
		case "down":
			status = api.NodeDown
		case "disconnected":
			status = api.NodeDisconnected
		case "ineligible":
			eligibility = api.NodeIneligible
		case "gone":
			c.Delete((&api.Node{ID: args[0]}).Key(), (&api.NodeStatus{NodeID: args[0]}).Key())
			return nil
		default:
			return fmt.Errorf("a node has no %q here", key)
		}
		if err != nil {
			return err
		}
	}
	node := NewNode(args[0], dc, rack, cpu, memory)
	node.HostVolumes = volumesOf(args)
	node.CSINodePlugins, node.CSIControllerPlugins = pluginsOf(args, "plugin"), pluginsOf(args, "controller")
	objects := []api.Object{
		node,
		&api.NodeStatus{NodeID: args[0], Status: status, UpdatedAt: c.Now().UnixNano()},
	}
	intent := &api.NodeIntent{NodeID: args[0], Eligibility: eligibility}
	if old, ok := reconciletest.Find[*api.NodeIntent](c.World, intent.Key()); !ok || !old.Draining() {
		objects = append(objects, intent)
	}
	c.Put(objects...)
	return nil
}

// NewNode returns the facts of a node that has the driver raw_exec.
func NewNode(id, dc, rack string, cpu, memory int) *api.Node {
	return &api.Node{
		ID: id, Name: id, Datacenter: dc, NodePool: api.DefaultNodePool,
		Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1"},
		Meta:       map[string]string{"rack": rack},
		Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		Resources: &api.NodeResources{
			Cpu:    api.NodeCPUResources{CpuShares: int64(cpu), TotalCpuCores: 4},
			Memory: api.NodeMemoryResources{MemoryMB: int64(memory)},
			Disk:   api.NodeDiskResources{DiskMB: 100_000},
			Networks: []*api.NodeNetworkInfo{{
				Mode: "host", Device: "eth0", CIDR: "10.0.0.1/32", IP: "10.0.0.1",
			}},
			NodeNetworks: []*api.NodeNetworkResource{{
				Mode: "host", Device: "eth0",
				Addresses: []api.NodeNetworkAddress{{Family: "ipv4", Alias: "default", Address: "10.0.0.1"}},
			}},
			MinDynamicPort: 20000, MaxDynamicPort: 32000,
		},
	}
}

// Job returns the job that JOB key=value … says, with the version that registering it
// now gives it.
func (c *Cluster) Job(args []string) (*api.Job, error) {
	s, err := parseSpec(args)
	if err != nil {
		return nil, err
	}
	return c.version(s.Job()), nil
}

// Register registers a job, as the HTTP API does.
func (c *Cluster) Register(j *api.Job) {
	j = c.version(j)
	j.SubmitTime = new(c.Now().UnixNano())
	c.Put(j, &api.JobVersion{Job: j}, c.ask(j, api.TriggerJobRegister))
}

// version gives a job the version that registering it gives: a new one unless
// nothing changed.
func (c *Cluster) version(j *api.Job) *api.Job {
	j.Version = new(uint64(0))
	for left := range reconciletest.List[*api.JobVersion](c.World) { // also of a job that was purged
		if api.JobKey(api.Deref(left.Job.Namespace), api.Deref(left.Job.ID)) == j.Key() {
			j.Version = new(max(*j.Version, api.Deref(left.Job.Version)+1))
		}
	}
	old, ok := reconciletest.Find[*api.Job](c.World, j.Key())
	if !ok {
		return j
	}
	j.Version = new(api.Deref(old.Version) + 1)
	if api.Same(j, old, "Version", "SubmitTime", "CreateIndex", "ModifyIndex", "JobModifyIndex") {
		j.Version = new(api.Deref(old.Version))
	}
	return j
}

// ask returns an evaluation that asks for a pass over a job.
func (c *Cluster) ask(j *api.Job, trigger string) *api.Evaluation {
	c.serial++
	return &api.Evaluation{
		ID:          fmt.Sprintf("asked-%04d", c.serial),
		Namespace:   api.Deref(j.Namespace),
		JobID:       api.Deref(j.ID),
		Type:        api.Deref(j.Type),
		Priority:    api.Deref(j.Priority),
		TriggeredBy: trigger,
		Status:      api.EvalPending,
		CreateTime:  c.Now().UnixNano(),
		ModifyTime:  c.Now().UnixNano(),
	}
}

// Stop stops a job, as the HTTP API does.
func (c *Cluster) Stop(id string, purge bool) {
	key := api.JobKey(api.DefaultNamespace, id)
	j := reconciletest.Get[*api.Job](c.World, key)
	eval := c.ask(j, api.TriggerJobDeregister)
	if purge {
		c.Apply(store.Txn{Writes: []store.Write{
			store.Delete(key), store.Delete(api.JobStatusKey(api.DefaultNamespace, id)), store.Put(eval),
		}})
		return
	}
	stopped := *j
	stopped.Stop = new(true)
	stopped.Version = new(api.Deref(j.Version) + 1)
	c.Put(&stopped, &api.JobVersion{Job: &stopped}, eval)
}

// end gives the latest deployment of a job a status.
func (c *Cluster) end(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("end takes a job and a status")
	}
	latest := c.deployment(args[0])
	if latest == nil {
		return fmt.Errorf("%s has no deployment", args[0])
	}
	ended := *latest
	ended.Status = args[1]
	c.Put(&ended)
	return nil
}

// Agents lets the node agents of all nodes that are up do what they are told: what
// should run and has not been started runs, what should stop and has not ended has.
func (c *Cluster) Agents() {
	snap := c.Store.Snapshot()
	var statuses []api.Object
	for a := range store.List[*api.Allocation](snap, store.Query{}) {
		node, _ := store.Get[*api.NodeStatus](snap, (&api.NodeStatus{NodeID: a.NodeID}).Key())
		if node == nil || node.Status != api.NodeReady {
			continue
		}
		status, _ := store.Get[*api.AllocationStatus](snap, (&api.AllocationStatus{ID: a.ID}).Key())
		switch {
		case a.WantsRun() && status == nil:
			statuses = append(statuses, c.Report(a, api.AllocClientRunning))
		case !a.WantsRun() && !status.Terminal():
			statuses = append(statuses, c.Report(a, api.AllocClientComplete))
		}
	}
	if len(statuses) > 0 {
		c.Put(statuses...)
	}
}

// Report returns what a node agent says of an allocation whose task app, and whose
// other tasks, are in a state.
func (c *Cluster) Report(a *api.Allocation, client string) *api.AllocationStatus {
	now := c.Now()
	state := &api.TaskState{State: api.TaskStateRunning, StartedAt: &now}
	if client != api.AllocClientRunning {
		state = &api.TaskState{State: api.TaskStateDead, StartedAt: &now, FinishedAt: &now, Failed: client == api.AllocClientFailed}
		if !a.WantsRun() {
			state.Events = []*api.TaskEvent{{Type: api.EventKilling, Time: now.UnixNano()}}
		}
	}
	tasks := map[string]*api.TaskState{"app": state}
	if version, ok := reconciletest.Find[*api.JobVersion](c.World, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)); ok {
		for _, t := range version.Job.Group(a.TaskGroup).Tasks {
			tasks[t.Name] = state
			if !t.IsMain() && !t.IsSidecar() {
				tasks[t.Name] = &api.TaskState{State: api.TaskStateDead, StartedAt: &now, FinishedAt: &now}
			}
		}
	}
	return &api.AllocationStatus{
		ID: a.ID, NodeID: a.NodeID, Namespace: a.Namespace, JobID: a.JobID,
		ClientStatus: client, TaskStates: tasks, ModifyTime: now.UnixNano(),
	}
}

// toEach does something to the latest allocation of each name, to all at once.
func (c *Cluster) toEach(verb string, names []string) error {
	var objects []api.Object
	for _, name := range names {
		a := c.Latest(name)
		if a == nil {
			return fmt.Errorf("there is no allocation %s", name)
		}
		changed := *a
		now := c.Now()
		switch verb {
		case "fail":
			objects = append(objects, c.Report(a, api.AllocClientFailed))
			continue
		case "complete":
			objects = append(objects, c.Report(a, api.AllocClientComplete))
			continue
		case "healthy":
			changed.DeploymentStatus = healthStatus(a, true, now)
		case "unhealthy":
			changed.DeploymentStatus = healthStatus(a, false, now)
		case "reschedule":
			changed.DesiredTransition.Reschedule = new(true)
		case "lose":
			changed.Lost, changed.DesiredStatus = api.AllocClientLost, api.AllocDesiredStop
			changed.DesiredDescription = "alloc is lost since its node is down"
		case "migrate":
			changed.DesiredTransition.Migrate = new(true)
			j := reconciletest.Get[*api.Job](c.World, api.JobKey(a.Namespace, a.JobID))
			objects = append(objects, c.ask(j, api.TriggerAllocStop))
		default:
			return fmt.Errorf("there is no command %q", verb)
		}
		objects = append(objects, &changed)
	}
	if len(objects) > 0 {
		c.Put(objects...)
	}
	return nil
}

func healthStatus(a *api.Allocation, healthy bool, now time.Time) *api.AllocDeploymentStatus {
	status := api.AllocDeploymentStatus{}
	if a.DeploymentStatus != nil {
		status = *a.DeploymentStatus
	}
	status.Healthy, status.Timestamp = &healthy, &now
	return &status
}

// Latest returns the newest allocation of a name, or nil. A name is job.group[0], or
// job.group[0]@node for one on that node.
func (c *Cluster) Latest(name string) *api.Allocation {
	name, node, _ := strings.Cut(name, "@")
	var all []*api.Allocation
	for a := range reconciletest.List[*api.Allocation](c.World) {
		if a.Name == name && (node == "" || a.NodeID == node) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return slices.MaxFunc(all, func(a, b *api.Allocation) int { return int(a.CreateIndex) - int(b.CreateIndex) })
}
