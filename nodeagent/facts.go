package nodeagent

import (
	"context"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/fingerprint"
)

const (
	// driversAgain is how often drivers are asked whether they still work.
	driversAgain = 30 * time.Second
	// machineAgain is how often it is looked what the machine is, where the kernel does not
	// tell of changes.
	machineAgain = time.Minute
	// settling is how long what changes is left to change on: a network comes up in many
	// steps. It is, at the least, the time between two looks, however much changes.
	settling = 2 * time.Second
)

// surveys is what is known of the machine.
type surveys struct {
	machine *fingerprint.Survey
	clouds  *fingerprint.Survey // asked once, as what it says does not change
	told    string              // what could not be found out, when it was last logged
}

func newSurveys(o *Options) surveys {
	if o.Fingerprinters != nil {
		return surveys{machine: fingerprint.NewSurvey(o.Fingerprinters), clouds: fingerprint.NewSurvey(nil)}
	}
	return surveys{machine: fingerprint.NewSurvey(fingerprint.Default(o.Fingerprint)), clouds: fingerprint.NewSurvey(fingerprint.Clouds())}
}

// discover finds out what the node is. What can't be found out is left out, and
// logged: a node without a network speed is better than none.
func (a *Agent) discover(ctx context.Context, id, secret string) {
	a.id, a.secret = id, secret
	a.survey(ctx)
	drivers := a.askDrivers(ctx, nil)
	a.facts.Lock()
	defer a.facts.Unlock()
	a.node.Store(a.describe(drivers))
}

// survey looks what the machine is.
func (a *Agent) survey(ctx context.Context) {
	err := a.surveys.machine.Look(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		a.surveys.told = ""
	case err.Error() != a.surveys.told:
		a.surveys.told = err.Error()
		a.log.Error(err, "some facts about this machine are missing")
	}
}

// describe returns the node by what is known now. The caller holds facts.
func (a *Agent) describe(drivers map[string]*api.DriverInfo) *api.Node {
	o := &a.opts
	n := &api.Node{
		ID: a.id, SecretID: a.secret,
		Name: o.Name, Datacenter: o.Datacenter, NodePool: o.NodePool, NodeClass: o.NodeClass,
		HTTPAddr: o.HTTPAddr, Meta: effectiveMeta(o.Meta, a.dynamicMeta), NodeMaxAllocs: o.MaxAllocs, GCVolumesOnNodeGC: o.GCVolumes,
		Links: map[string]string{}, HostVolumes: map[string]*api.HostVolumeInfo{},
		CSIControllerPlugins: map[string]*api.CSIInfo{}, CSINodePlugins: map[string]*api.CSIInfo{},
		ReservedResources: &o.Reserved, Drivers: drivers,
	}
	a.surveys.machine.Write(n)
	a.surveys.clouds.Write(n)
	n.Resources.MinDynamicPort, n.Resources.MaxDynamicPort = o.MinDynamicPort, o.MaxDynamicPort
	for name, info := range drivers {
		if info.Detected && info.Healthy {
			maps.Copy(n.Attributes, info.Attributes)
			n.Attributes["driver."+name] = "1"
		}
	}
	n.ComputedClass = api.ComputeClass(n)
	return n
}

// askDrivers returns what the drivers say of themselves now. What one says as before keeps
// its time. They are asked all at once: some ask programs, which take their time.
func (a *Agent) askDrivers(ctx context.Context, before map[string]*api.DriverInfo) map[string]*api.DriverInfo {
	said := make([]api.DriverInfo, len(a.opts.Drivers))
	var asked sync.WaitGroup
	for i, d := range a.opts.Drivers {
		asked.Go(func() { said[i] = d.Fingerprint(ctx) })
	}
	asked.Wait()
	infos := make(map[string]*api.DriverInfo, len(said))
	for i, d := range a.opts.Drivers {
		info := &said[i]
		info.UpdateTime = time.Now()
		if was := before[d.Name()]; was != nil && equalInfo(*was, *info) {
			info.UpdateTime = was.UpdateTime
		}
		infos[d.Name()] = info
	}
	return infos
}

func equalInfo(a, b api.DriverInfo) bool {
	return a.Detected == b.Detected && a.Healthy == b.Healthy && a.HealthDescription == b.HealthDescription &&
		maps.Equal(a.Attributes, b.Attributes)
}

// watchFacts keeps what is known of the node up to date.
func (a *Agent) watchFacts(ctx context.Context) {
	changed, stop := a.watchMachine(ctx)
	defer stop()
	asked := make(chan struct{})
	a.crew.Go(func() {
		defer close(asked)
		if err := a.surveys.clouds.Look(ctx); err != nil && ctx.Err() == nil {
			a.log.Error(err, "some facts that the cloud knows of this machine are missing")
		}
	})
	said := a.watchDrivers(ctx)
	drivers, machine := time.NewTicker(driversAgain), time.NewTicker(machineAgain)
	defer drivers.Stop()
	defer machine.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-said:
			a.update(ctx, a.askDrivers(ctx, a.node.Load().Drivers))
			continue
		case <-drivers.C:
			a.update(ctx, a.askDrivers(ctx, a.node.Load().Drivers))
			continue
		case <-machine.C:
		case <-asked:
			asked = nil // it is closed
		case <-changed:
			if !a.pause(settling) {
				return
			}
		}
		a.survey(ctx)
		a.update(ctx, a.node.Load().Drivers)
	}
}

// watchDrivers has drivers that can say when they change.
func (a *Agent) watchDrivers(ctx context.Context) (said <-chan struct{}) {
	c := make(chan struct{})
	for _, d := range a.opts.Drivers {
		w, watches := d.(driver.Watcher)
		if !watches {
			continue
		}
		a.crew.Go(func() {
			for {
				w.Watch(ctx)
				select {
				case c <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return c
}

// watchMachine has the kernel tell of changes; nothing is told of a machine that is made
// up.
func (a *Agent) watchMachine(ctx context.Context) (changed <-chan struct{}, stop func()) {
	if a.opts.Fingerprinters != nil {
		return nil, func() {}
	}
	networks := a.opts.Network.WithDefaults()
	changed, stop, err := fingerprint.Changes(ctx, append([]string{networks.ConfigDir}, networks.PluginPath...))
	if err != nil {
		a.log.Error(err, "some changes of this machine are noticed late")
	}
	return changed, stop
}

// update tells the servers what the node is if that has changed.
func (a *Agent) update(ctx context.Context, drivers map[string]*api.DriverInfo) {
	if ctx.Err() != nil { // what was found may not be all
		return
	}
	a.facts.Lock()
	defer a.facts.Unlock()
	if n := a.describe(drivers); !reflect.DeepEqual(n, a.node.Load()) {
		a.log.Info("facts about this machine changed")
		a.setFacts(n)
	}
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
