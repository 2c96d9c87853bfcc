package outside

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// plugin is a driver's program, which is started again when it has ended.
type plugin struct {
	options Options
	path    string

	mu      sync.Mutex // guards what is below
	running *running
	last    time.Time // when it was started last
	closed  bool
}

// running is one life of a program.
type running struct {
	*program
	base      wire.BasePluginClient
	driver    wire.DriverClient
	name      string
	version   string
	schema    schema // of tasks' configs
	abilities *wire.DriverCapabilities

	known  chan struct{} // closed when there is a health
	mu     sync.Mutex    // guards what is below
	health *wire.FingerprintResponse
	tasks  map[string]*sync.Mutex // that the program knows, or is being told of
	told   map[string]bool
}

// restartDelay keeps a program that always ends from being started all the time.
const restartDelay = time.Second

// apiVersion is the version of the protocol's content.
const apiVersion = "v0.1.0"

var errClosed = errors.New("the driver's program was ended")

func newPlugin(o Options, path string) *plugin { return &plugin{options: o, path: path} }

// get returns the running program, and starts it if it does not run.
func (p *plugin) get(ctx context.Context) (*running, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if p.running != nil {
		select {
		case <-p.running.done:
			_ = p.running.conn.Close()
			p.running = nil
		default:
			return p.running, nil
		}
	}
	if wait := restartDelay - time.Since(p.last); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.last = time.Now()
	r, err := p.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start driver program %s: %w", filepath.Base(p.path), err)
	}
	p.running = r
	return r, nil
}

func (p *plugin) start(ctx context.Context) (*running, error) {
	name := filepath.Base(p.path)
	log := p.options.Log.WithValues("program", name)
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	started, err := start(ctx, p.path, p.options.Plugins[name].Args, p.options.RunDir, log)
	if err != nil {
		return nil, err
	}
	r := &running{
		program: started, base: wire.NewBasePluginClient(started.conn), driver: wire.NewDriverClient(started.conn),
		known: make(chan struct{}), tasks: map[string]*sync.Mutex{}, told: map[string]bool{},
	}
	if err := r.introduce(ctx, p.options.Plugins, name); err != nil {
		started.close()
		return nil, err
	}
	go r.watchHealth() // ends with the program
	return r, nil
}

// introduce asks who the program is and tells it its settings.
func (r *running) introduce(ctx context.Context, plugins map[string]Plugin, file string) error {
	info, err := r.base.PluginInfo(ctx, &wire.PluginInfoRequest{})
	if err != nil {
		return err
	}
	switch {
	case info.GetType() != wire.PluginType_DRIVER:
		return fmt.Errorf("it is not a task driver but a %v", info.GetType())
	case len(info.GetPluginApiVersions()) > 0 && !slices.Contains(info.GetPluginApiVersions(), apiVersion):
		return fmt.Errorf("it speaks versions %q, not %s", info.GetPluginApiVersions(), apiVersion)
	}
	r.name, r.version = info.GetName(), info.GetPluginVersion()
	settings, set := plugins[file]
	if !set {
		settings = plugins[r.name]
	}
	if err := r.configure(ctx, settings.Config); err != nil {
		return err
	}
	answer, err := r.driver.TaskConfigSchema(ctx, &wire.TaskConfigSchemaRequest{})
	if err == nil {
		r.schema, err = newSchema("config of driver "+r.name, answer.GetSpec())
	}
	if err != nil {
		return err
	}
	abilities, err := r.driver.Capabilities(ctx, &wire.CapabilitiesRequest{})
	r.abilities = abilities.GetCapabilities()
	return err
}

func (r *running) configure(ctx context.Context, settings map[string]any) error {
	answer, err := r.base.ConfigSchema(ctx, &wire.ConfigSchemaRequest{})
	if err != nil {
		return err
	}
	s, err := newSchema(fmt.Sprintf("plugin %q", r.name), answer.GetSpec())
	if err != nil {
		return err
	}
	packed, err := s.pack(settings)
	if err != nil {
		return err
	}
	_, err = r.base.SetConfig(ctx, &wire.SetConfigRequest{
		MsgpackConfig: packed, PluginApiVersion: apiVersion, NomadConfig: &wire.NomadConfig{Driver: &wire.NomadDriverConfig{}},
	})
	return err
}

// watchHealth keeps what the program says of itself, until it ends.
func (r *running) watchHealth() {
	stream, err := r.driver.Fingerprint(context.Background(), &wire.FingerprintRequest{})
	for first := true; err == nil; first = false {
		var health *wire.FingerprintResponse
		if health, err = stream.Recv(); err != nil {
			return
		}
		r.mu.Lock()
		r.health = health
		r.mu.Unlock()
		if first {
			close(r.known)
		}
	}
}

// recovered tells the program of a task that an earlier life of it has started.
func (r *running) recovered(ctx context.Context, id string, handle *wire.TaskHandle) error {
	r.mu.Lock()
	lock := r.tasks[id]
	if lock == nil {
		lock = new(sync.Mutex)
		r.tasks[id] = lock
	}
	r.mu.Unlock()
	lock.Lock()
	defer lock.Unlock()
	r.mu.Lock()
	told := r.told[id]
	r.mu.Unlock()
	if told {
		return nil
	}
	if _, err := r.driver.RecoverTask(ctx, &wire.RecoverTaskRequest{TaskId: id, Handle: handle}); err != nil {
		return err
	}
	r.knows(id)
	return nil
}

// knows notes that the program knows a task.
func (r *running) knows(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[id] = true
}

// forgets notes that a task is gone.
func (r *running) forgets(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.told, id)
	delete(r.tasks, id)
}

// died reports whether an error may be due to the program's end, which is seen here a
// moment after the connection's.
func (r *running) died(ctx context.Context, err error) bool {
	if status.Code(err) != codes.Unavailable {
		return false
	}
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
	case <-time.After(restartDelay):
	}
	return false
}

// close ends the program for good.
func (p *plugin) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.running != nil {
		p.running.close()
	}
}
