package nodeagent

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/fingerprint"
)

// lookAgain is how often drivers are asked whether they still work.
const lookAgain = 30 * time.Second

// discover finds out what the node is. What can't be found out is left out, and
// logged: a node without a network speed is better than none.
func (a *Agent) discover(ctx context.Context, id, secret string) *api.Node {
	o := &a.opts
	n := &api.Node{
		ID: id, SecretID: secret,
		Name: o.Name, Datacenter: o.Datacenter, NodePool: o.NodePool, NodeClass: o.NodeClass,
		HTTPAddr: o.HTTPAddr, Meta: effectiveMeta(o.Meta, a.dynamicMeta), NodeMaxAllocs: o.MaxAllocs,
		Links: map[string]string{}, HostVolumes: map[string]*api.HostVolumeInfo{},
		CSIControllerPlugins: map[string]*api.CSIInfo{}, CSINodePlugins: map[string]*api.CSIInfo{},
		ReservedResources: &o.Reserved,
	}
	list := o.Fingerprinters
	if list == nil {
		list = fingerprint.Default(o.Fingerprint)
	}
	if err := fingerprint.Run(ctx, list, n); err != nil {
		a.log.Error(err, "some facts about this machine are missing")
	}
	n.Resources.MinDynamicPort, n.Resources.MaxDynamicPort = o.MinDynamicPort, o.MaxDynamicPort
	return a.withDrivers(ctx, n)
}

// withDrivers returns the node with what its drivers say now. It is the same one if
// that has not changed.
func (a *Agent) withDrivers(ctx context.Context, old *api.Node) *api.Node {
	infos := make(map[string]*api.DriverInfo, len(a.opts.Drivers))
	same := len(old.Drivers) == len(a.opts.Drivers)
	for i, info := range a.askDrivers(ctx) {
		d := a.opts.Drivers[i]
		if was := old.Drivers[d.Name()]; was != nil && equalInfo(*was, info) {
			info.UpdateTime = was.UpdateTime
		} else {
			info.UpdateTime = time.Now()
			same = false
		}
		infos[d.Name()] = &info
	}
	if same {
		return old
	}
	n := *old
	n.Attributes = maps.Clone(old.Attributes)
	for name, info := range old.Drivers {
		removeDriver(n.Attributes, name, info)
	}
	for name, info := range infos {
		if info.Detected && info.Healthy {
			maps.Copy(n.Attributes, info.Attributes)
			n.Attributes["driver."+name] = "1"
		}
	}
	n.Drivers = infos
	n.ComputedClass = api.ComputeClass(&n)
	return &n
}

// askDrivers asks all drivers at once: some ask programs, which take their time.
func (a *Agent) askDrivers(ctx context.Context) []api.DriverInfo {
	infos := make([]api.DriverInfo, len(a.opts.Drivers))
	var asked sync.WaitGroup
	for i, d := range a.opts.Drivers {
		asked.Go(func() { infos[i] = d.Fingerprint(ctx) })
	}
	asked.Wait()
	return infos
}

func removeDriver(attributes map[string]string, name string, info *api.DriverInfo) {
	delete(attributes, "driver."+name)
	for key := range info.Attributes {
		delete(attributes, key)
	}
}

func equalInfo(a, b api.DriverInfo) bool {
	return a.Detected == b.Detected && a.Healthy == b.Healthy && a.HealthDescription == b.HealthDescription &&
		maps.Equal(a.Attributes, b.Attributes)
}

// watchDrivers keeps the node's facts up to date.
func (a *Agent) watchDrivers(ctx context.Context) {
	for _, d := range a.opts.Drivers {
		if w, ok := d.(driver.Watcher); ok {
			a.crew.Go(func() { a.watchDriver(ctx, w) })
		}
	}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		a.lookAtDrivers(ctx)
	}
}

// watchDriver looks at the drivers when one of them says that it has changed.
func (a *Agent) watchDriver(ctx context.Context, w driver.Watcher) {
	for {
		w.Watch(ctx)
		if ctx.Err() != nil {
			return
		}
		a.lookAtDrivers(ctx)
	}
}

func (a *Agent) lookAtDrivers(ctx context.Context) {
	a.facts.Lock()
	defer a.facts.Unlock()
	old := a.node.Load()
	n := a.withDrivers(ctx, old)
	if n == old || ctx.Err() != nil {
		return
	}
	a.log.Info("drivers changed")
	a.setFacts(n)
}

// setFacts changes the facts of the node and has the servers told. The caller holds
// facts.
func (a *Agent) setFacts(n *api.Node) {
	a.node.Store(n)
	select {
	case a.factsChanged <- struct{}{}:
	default:
	}
}
