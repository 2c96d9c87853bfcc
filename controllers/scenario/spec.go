package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// Spec is a job with one group, named web unless it says otherwise, and one task. In
// scripts its fields are given as key=value.
type Spec struct {
	ID, Type, Group string
	Count           int // count
	CPU, Memory     int // cpu, mem
	Priority        int
	Port            int               // static
	Env             string            // a change of it needs new instances
	KillTimeout     time.Duration     // kill: a change of it does not
	Constraint      string            // of attribute rack: constraint=a
	Volume          string            // on the node; data[]: one for each instance
	Sticky          bool              // sticky: instances come back to the volume
	CSI             string            // csi: a volume, and how it is used: data,single-node-writer[,ro]; data[]: one for each instance
	MaxParallel     int               // parallel; −1: no update block
	MinHealthy      time.Duration     // min_healthy
	Deadline        time.Duration     // healthy_deadline
	Progress        time.Duration     // progress
	AutoRevert      bool              // revert
	Canary          int               // canary
	AutoPromote     bool              // auto_promote
	HealthCheck     string            // health: task_states, manual
	Stagger         time.Duration     // stagger
	Attempts        int               // of rescheduling; −1: unlimited
	Delay           time.Duration     // of rescheduling
	Distinct        bool              // distinct_hosts
	Stays           bool              // stays: instances would like the files of those that they follow
	Migrate         int               // migrate: max_parallel of the migrate block
	Also            []string          // further groups, as many instances of each
	Tasks           map[string]string // further tasks, with their hook: prestart, sidecar

	// lost_after, stop_after, no_replace, reconcile
	Disconnect api.DisconnectStrategy

	Batch // what is drover's own
}

// NewSpec returns a spec with the default values.
func NewSpec(id string) Spec {
	return Spec{
		ID: id, Type: api.JobTypeService, Group: "web", Count: 1, CPU: 100, Memory: 100,
		Priority: api.DefaultJobPriority, KillTimeout: 5 * time.Second,
		MaxParallel: 1, MinHealthy: 10 * time.Second, Deadline: 5 * time.Minute, Progress: 10 * time.Minute,
		Attempts: -1, Delay: 30 * time.Second, Migrate: 1, HealthCheck: api.HealthCheckTaskStates,
	}
}

// parseSpec reads JOB key=value ….
func parseSpec(args []string) (Spec, error) {
	s := NewSpec(args[0])
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		if err := s.set(key, value); err != nil {
			return s, fmt.Errorf("%s: %w", arg, err)
		}
	}
	return s, nil
}

func (s *Spec) set(key, value string) (err error) {
	if to := s.number(key); to != nil {
		*to, err = strconv.Atoi(value)
		return err
	}
	if to := s.duration(key); to != nil {
		*to, err = time.ParseDuration(value)
		return err
	}
	switch key {
	case "type":
		s.Type = value
	case "group":
		s.Group = value
	case "env":
		s.Env = value
	case "constraint":
		s.Constraint = value
	case "volume":
		s.Volume = value
	case "sticky":
		s.Sticky = true
	case "stays":
		s.Stays = true
	case "csi":
		s.CSI = value
	case "revert":
		s.AutoRevert = true
	case "auto_promote":
		s.AutoPromote = true
	case "health":
		s.HealthCheck = value
	case "no_replace":
		s.Disconnect.Replace = new(false)
	case "reconcile":
		s.Disconnect.Reconcile = new(value)
	case "distinct":
		s.Distinct = true
	case "also":
		s.Also = strings.Split(value, ",")
	case "prestart", "sidecar":
		if s.Tasks == nil {
			s.Tasks = make(map[string]string)
		}
		s.Tasks[value] = key
	default:
		return s.Batch.set(key, value)
	}
	return nil
}

// number returns the field of a key whose value is a number, or nil.
func (s *Spec) number(key string) *int {
	return map[string]*int{
		"count": &s.Count, "cpu": &s.CPU, "mem": &s.Memory, "priority": &s.Priority, "port": &s.Port, "parallel": &s.MaxParallel,
		"canary": &s.Canary, "attempts": &s.Attempts, "migrate": &s.Migrate,
	}[key]
}

// duration returns the field of a key whose value is a duration, or nil.
func (s *Spec) duration(key string) *time.Duration {
	switch key {
	case "lost_after":
		s.Disconnect.LostAfter = new(time.Duration(0))
		return s.Disconnect.LostAfter
	case "stop_after":
		s.Disconnect.StopOnClientAfter = new(time.Duration(0))
		return s.Disconnect.StopOnClientAfter
	}
	return map[string]*time.Duration{
		"kill": &s.KillTimeout, "min_healthy": &s.MinHealthy, "healthy_deadline": &s.Deadline, "progress": &s.Progress,
		"stagger": &s.Stagger, "delay": &s.Delay,
	}[key]
}

// Job returns the job, canonical as far as controllers look.
func (s *Spec) Job() *api.Job {
	j := &api.Job{
		Region:      new(api.DefaultRegion),
		Namespace:   new(api.DefaultNamespace),
		ID:          new(s.ID),
		Name:        new(s.ID),
		Type:        new(s.Type),
		Priority:    new(s.Priority),
		Datacenters: []string{"*"},
		NodePool:    new(api.DefaultNodePool),
		Stop:        new(false),
	}
	if s.Constraint != "" {
		j.Constraints = []*api.Constraint{{LTarget: "${meta.rack}", Operand: "=", RTarget: s.Constraint}}
	}
	if s.Distinct {
		j.Constraints = append(j.Constraints, &api.Constraint{Operand: "distinct_hosts"})
	}
	for _, name := range append([]string{s.Group}, s.Also...) {
		j.TaskGroups = append(j.TaskGroups, s.group(name))
	}
	s.Batch.apply(j)
	return j
}

func (s *Spec) group(name string) *api.TaskGroup {
	g := &api.TaskGroup{
		Name:          new(name),
		Count:         new(s.Count),
		EphemeralDisk: &api.EphemeralDisk{SizeMB: new(10), Sticky: new(s.Stays)},
		Volumes:       s.volumes(),
		Tasks:         []*api.Task{s.task("app", "")},
	}
	for task, hook := range s.Tasks {
		g.Tasks = append(g.Tasks, s.task(task, hook))
	}
	if s.Disconnect != (api.DisconnectStrategy{}) {
		g.Disconnect = new(s.Disconnect)
	}
	if s.Port != 0 {
		g.Networks = []*api.NetworkResource{{ReservedPorts: []api.Port{{Label: "http", Value: s.Port, HostNetwork: "default"}}}}
	}
	if s.Type != api.JobTypeSystem && s.Type != api.JobTypeSysBatch {
		g.ReschedulePolicy = &api.ReschedulePolicy{
			Attempts: new(max(0, s.Attempts)), Unlimited: new(s.Attempts < 0), Interval: new(time.Hour),
			Delay: new(s.Delay), MaxDelay: new(time.Hour), DelayFunction: new(api.DelayConstant),
		}
	}
	if s.Type == api.JobTypeService {
		g.Migrate = &api.MigrateStrategy{
			MaxParallel: new(s.Migrate), MinHealthyTime: new(s.MinHealthy), HealthyDeadline: new(s.Deadline),
			HealthCheck: new(api.HealthCheckTaskStates),
		}
	}
	if s.MaxParallel > 0 && s.Type != api.JobTypeBatch && s.Type != api.JobTypeSysBatch {
		g.Update = &api.UpdateStrategy{
			MaxParallel: new(s.MaxParallel), MinHealthyTime: new(s.MinHealthy), HealthyDeadline: new(s.Deadline),
			ProgressDeadline: new(s.Progress), HealthCheck: new(s.HealthCheck),
			Canary: new(s.Canary), AutoRevert: new(s.AutoRevert), AutoPromote: new(s.AutoPromote), Stagger: new(s.Stagger),
		}
	}
	return g
}

func (s *Spec) task(name, hook string) *api.Task {
	t := &api.Task{
		Name:        name,
		Driver:      "raw_exec",
		Config:      map[string]any{"command": "/bin/serve"},
		Env:         map[string]string{"V": s.Env},
		Resources:   &api.Resources{CPU: new(s.CPU), MemoryMB: new(s.Memory)},
		KillTimeout: new(s.KillTimeout),
	}
	switch hook {
	case "prestart":
		t.Lifecycle = &api.TaskLifecycle{Hook: api.HookPrestart}
	case "sidecar":
		t.Lifecycle = &api.TaskLifecycle{Hook: api.HookPrestart, Sidecar: true}
	}
	return t
}
