package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Name is the driver's name in jobspecs.
const Name = "docker"

// attribute is what a node's description says of the driver.
const attribute = "driver." + Name

// Driver runs containers. What it does beside its methods (it follows outputs, removes
// images and containers that nobody needs) ends with Close, or with its process: the
// next one goes on with it.
type Driver struct {
	o         *Options
	engine    *client.Client
	engineErr error // why there is no client
	since     time.Time

	own    context.Context // ends with Close
	end    context.CancelFunc
	crew   sync.WaitGroup
	starts keyed // one start of a task at a time
	images images
	logs   followers
	reaper sync.Once

	mu     sync.Mutex      // guards the rest
	seen   bool            // the engine has answered once
	killed map[string]bool // containers that Stop has killed
}

// New returns the driver. It talks to nobody; Fingerprint does.
func New(o Options) *Driver {
	d := &Driver{o: &o, since: time.Now(), killed: map[string]bool{}}
	d.own, d.end = context.WithCancel(context.Background())
	d.engine, d.engineErr = newClient(&o)
	d.images.d, d.logs.d = d, d
	return d
}

var (
	_ driver.Driver       = (*Driver)(nil)
	_ driver.Finder       = (*Driver)(nil)
	_ driver.Signaler     = (*Driver)(nil)
	_ driver.Statter      = (*Driver)(nil)
	_ driver.Executor     = (*Driver)(nil)
	_ driver.Rooter       = (*Driver)(nil)
	_ driver.Mounter      = (*Driver)(nil)
	_ driver.NetworkOwner = (*Driver)(nil)
	_ driver.Watcher      = (*Driver)(nil)
)

// Name returns docker.
func (d *Driver) Name() string { return Name }

// Rooted is always true: an image is a root.
func (d *Driver) Rooted(map[string]any) bool { return true }

// Mounts says that tasks are given their mounts.
func (d *Driver) Mounts() {}

// Networks says that tasks can be in networks of their own.
func (d *Driver) Networks() {}

// Validate checks the keys of a config block, their types, and what the node's operator
// allows.
func (d *Driver) Validate(config map[string]any) error {
	_, err := d.o.parseConfig(config)
	return err
}

// Close ends what the driver does in the background. Containers run on.
func (d *Driver) Close() error {
	d.end()
	d.images.close()
	d.crew.Wait()
	if d.engine == nil {
		return nil
	}
	return d.engine.Close()
}

// Fingerprint asks the engine how it is.
func (d *Driver) Fingerprint(ctx context.Context) api.DriverInfo {
	info := api.DriverInfo{UpdateTime: d.since}
	if err := d.usable(); err != nil {
		info.HealthDescription = err.Error()
		if d.o.Disabled {
			info.HealthDescription = "disabled"
		}
		return info
	}
	before := d.answers()
	err := d.ping(ctx)
	if err != nil {
		info.Detected = before // one that was there is down, not absent
		info.HealthDescription = "The engine does not answer: " + err.Error()
		return info
	}
	info.Detected = true
	if info.Attributes, err = d.attributes(ctx); err != nil {
		info.HealthDescription = err.Error()
		return info
	}
	info.Healthy, info.HealthDescription = true, "Healthy"
	if d.o.GC.Dangling.Enabled {
		d.reaper.Do(func() { d.crew.Go(func() { d.reap(d.own) }) })
	}
	return info
}

// ping asks the engine for a sign of life, and remembers whether there ever was one.
func (d *Driver) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	_, err := d.engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err == nil {
		d.mu.Lock()
		d.seen = true
		d.mu.Unlock()
	}
	return err
}

// answers reports whether the engine has ever answered.
func (d *Driver) answers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

func (d *Driver) attributes(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	got, err := d.engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask the engine what it is: %w", err)
	}
	attributes := map[string]string{
		attribute: "true", attribute + ".version": got.Info.ServerVersion, attribute + ".os_type": got.Info.OSType,
		attribute + ".runtimes": strings.Join(slices.Sorted(maps.Keys(got.Info.Runtimes)), ","),
	}
	if d.o.Volumes {
		attributes[attribute+".volumes.enabled"] = "true"
	}
	if d.o.AllowPrivileged {
		attributes[attribute+".privileged.enabled"] = "true"
	}
	bridge, err := d.engine.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil {
		return attributes, nil // an engine need not have one
	}
	for _, pool := range bridge.Network.IPAM.Config {
		if pool.Gateway.IsValid() {
			attributes[attribute+".bridge_ip"] = pool.Gateway.String()
			break
		}
	}
	return attributes, nil
}

// lookAgain is how often an engine is asked for a sign of life.
const lookAgain = 2 * time.Second

// Watch returns when the engine, which once answered, is down or up again, or when ctx
// is done.
func (d *Driver) Watch(ctx context.Context) {
	if d.usable() != nil {
		<-ctx.Done()
		return
	}
	known, was := false, false
	for sleep(ctx, lookAgain) {
		if !d.answers() {
			continue // there never was one here, and nobody is to be bothered
		}
		up := d.ping(ctx) == nil
		if known && up != was && ctx.Err() == nil {
			return
		}
		known, was = true, up
	}
}
