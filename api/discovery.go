package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
)

// Joined at the HTTP edge, never stored.
//
//msgp:ignore ServiceRegistration ServiceList ServiceStub CheckResult

// Who keeps the register of a service.
const (
	ServiceProviderNomad  = "nomad"  // the cluster itself
	ServiceProviderConsul = "consul" // not done by drover
)

// Types of a check.
const (
	CheckHTTP = "http"
	CheckTCP  = "tcp"
)

// What a check that fails means while its group is rolled out.
const (
	OnUpdateRequireHealthy = "require_healthy" // the instance is not healthy
	OnUpdateIgnore         = "ignore"          // nothing: it only tells whether the instance is ready
)

// How a check does.
const (
	CheckPending = "pending" // there is no result yet
	CheckSuccess = "success"
	CheckFailure = "failure"
)

// Modes of a check: whether it counts for the health of its instance.
const (
	CheckHealthiness = "healthiness"
	CheckReadiness   = "readiness"
)

// CheckMode returns the mode of a check.
func CheckMode(c *ServiceCheck) string {
	if c.OnUpdate == OnUpdateIgnore {
		return CheckReadiness
	}
	return CheckHealthiness
}

// ServiceInstance is a service of an allocation that can be reached, as its node
// agent offers it. It is part of the AllocationStatus.
type ServiceInstance struct {
	ID      string            `msg:"id"` // unique in the cluster
	Name    string            `msg:"n"`
	Task    string            `msg:"t"` // of which task; empty: of the group
	Address string            `msg:"a"`
	Port    int               `msg:"p"` // 0: it has none
	Tags    []string          `msg:"g"`
	Meta    map[string]string `msg:"m"`
}

// ServiceID returns the ID of a service of an allocation. owner is the task, or empty
// for the group's.
func ServiceID(alloc, group, task, name, port string) string {
	owner := task
	if owner == "" {
		owner = "group-" + group
	}
	return strings.Join([]string{"_nomad-task", alloc, owner, name, port}, "-")
}

// CheckState is how a check of an allocation's services does, as its node agent last
// reported. It is reported only when its Status changes.
type CheckState struct {
	ID     string `msg:"id"` // CheckID
	Status string `msg:"s"`
	Since  int64  `msg:"at"` // Unix nanoseconds, by the node's clock: the first result of that status
	Code   int    `msg:"c"`  // of the HTTP answer, if there was one
	Output string `msg:"o"`  // of the first result of that status; cut to MaxCheckOutput bytes
}

// MaxCheckOutput is how much of what a check found is reported, in bytes. The node
// agent shows more of it.
const MaxCheckOutput = 256

// CheckID returns the ID of a check of an allocation: it tells checks that ask for
// different things apart. task is empty for a service of the group.
func CheckID(alloc, task string, s *Service, c *ServiceCheck) string {
	h := sha256.New()
	add(h, alloc, task, s.Name, s.PortLabel, s.AddressMode, s.Address, c.Name, c.Type, c.Path, c.Protocol, c.PortLabel,
		c.AddressMode, c.Method, c.Body, c.TLSServerName, fmt.Sprint(c.TLSSkipVerify), c.InitialStatus, CheckMode(c),
		c.Interval.String(), c.Timeout.String())
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		add(h, name)
		add(h, c.Header[name]...)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// add writes texts so that no two lists of them read the same.
func add(h hash.Hash, texts ...string) {
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text) // a hash never fails
	}
}

// NativeService is a service that the cluster itself registers, and whose it is.
type NativeService struct {
	*Service
	Task string // empty: the group's
}

// NativeServices returns the services of a group and its tasks that the cluster itself
// registers, the group's first.
func (g *TaskGroup) NativeServices() []NativeService {
	var out []NativeService
	add := func(task string, services []*Service) {
		for _, s := range services {
			if s.Provider == ServiceProviderNomad {
				out = append(out, NativeService{Service: s, Task: task})
			}
		}
	}
	add("", g.Services)
	for _, t := range g.Tasks {
		add(t.Name, t.Services)
	}
	return out
}

// Check returns the state of a check of an allocation, or nil.
func (s *AllocationStatus) Check(id string) *CheckState {
	if s == nil {
		return nil
	}
	for _, c := range s.Checks {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// ServiceRegistration is an instance of a service as the HTTP API shows it.
type ServiceRegistration struct {
	ID          string
	ServiceName string
	Namespace   string
	NodeID      string
	Datacenter  string
	JobID       string
	AllocID     string
	Tags        []string
	Address     string
	Port        int
	// Meta is drover's own.
	Meta        map[string]string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

// ServiceList is the services of a namespace.
type ServiceList struct {
	Namespace string
	Services  []*ServiceStub
}

// ServiceStub is a service in a list, with the tags of all its instances.
type ServiceStub struct {
	ServiceName string
	Tags        []string
}

// CheckResult is the latest result of a check, as the HTTP API shows it.
type CheckResult struct {
	ID         string
	Mode       string
	Status     string
	StatusCode int `json:",omitempty"`
	Output     string
	Timestamp  int64  // Unix seconds, by the node's clock
	Group      string // the name of the allocation
	Task       string `json:",omitempty"` // empty: of a service of the group
	Service    string
	Check      string
}
