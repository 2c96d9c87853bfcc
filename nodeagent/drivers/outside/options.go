package outside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Options say which programs there are.
type Options struct {
	// Dir has the programs: everything in it that can be run. Empty, or not there: none.
	Dir string
	// Plugins are the settings of programs, by the names of their files or drivers.
	Plugins map[string]Plugin
	// RunDir is a directory for their sockets; its path is short.
	RunDir string
	// ShimPath is as in held.Options.
	ShimPath string
	Log      logr.Logger
}

// Plugin is what the node's operator sets for a program.
type Plugin struct {
	Args   []string
	Config map[string]any
}

// startPatience is how long a program may take to say who it is.
const startPatience = 30 * time.Second

// Discover starts the programs and returns their drivers. One that can't be started,
// that is no driver, or whose driver's name is among those taken, is logged and left out.
func Discover(o Options, taken []string) ([]driver.Driver, error) {
	paths, err := programs(o.Dir)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	if err := os.RemoveAll(o.RunDir); err != nil { // of an agent that was killed
		return nil, err
	}
	if err := os.MkdirAll(o.RunDir, 0o700); err != nil {
		return nil, err
	}
	found := make([]*Driver, len(paths))
	var starts sync.WaitGroup
	for i, path := range paths {
		starts.Go(func() {
			d, err := New(o, path)
			if err != nil {
				o.Log.Error(err, "driver program not used", "program", path)
				return
			}
			found[i] = d
		})
	}
	starts.Wait()
	var drivers []driver.Driver
	for i, d := range found {
		switch {
		case d == nil:
		case slices.Contains(taken, d.Name()):
			o.Log.Error(errors.New("there is a driver of that name"), "driver program not used", "program", paths[i], "driver", d.Name())
			d.Close()
		default:
			taken = append(taken, d.Name())
			drivers = append(drivers, d.able())
		}
	}
	return drivers, nil
}

// programs returns what in a directory can be run.
func programs(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("plugin_dir: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); shim.CheckProgram(path) == nil {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// New starts a program and returns its driver, whatever it can do; Discover returns such
// as can do what it says and no more.
func New(o Options, path string) (*Driver, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	p := newPlugin(o, path)
	r, err := p.get(ctx)
	if err != nil {
		p.close()
		return nil, err
	}
	d := &Driver{plugin: p, name: r.name, schema: r.schema, abilities: r.abilities, locks: map[string]*taskLock{}}
	d.logs = newCollector(o.ShimPath)
	return d, nil
}
