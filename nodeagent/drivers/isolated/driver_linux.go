package isolated

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/held"
	"github.com/droverhq/drover/shim"
)

// Kind is what one driver runs.
type Kind struct {
	Name string
	// Command reads which program to run, as it is called in the task's root, and its
	// arguments from a task's config block. It asks for all the keys that it knows.
	Command func(b *block.Block) (command string, args []string)
	// Detect finds out whether the node has what is run, with attributes that tell of
	// it. The error says why not. Nil: there is nothing to find out.
	Detect func(ctx context.Context) (map[string]string, error)
	// Complete finishes what the shim is told, when all else is decided: it may add
	// mounts and arguments, and files to the task's state directory. Nil: there is nothing
	// to add.
	Complete func(task driver.Task, spec *shim.Spec) error
}

// Driver runs commands set apart.
type Driver struct {
	*held.Holder
	kind    Kind
	options Options
	groups  *hierarchy
	problem error // why no task can be run
	since   time.Time

	mu      sync.Mutex // guards filters
	filters map[capSet][]byte
}

var (
	_ driver.Driver    = (*Driver)(nil)
	_ driver.Rooter    = (*Driver)(nil)
	_ driver.Mounter   = (*Driver)(nil)
	_ driver.Networker = (*Driver)(nil)
)

// Tasks is what a driver can do with tasks in which there is nothing that a command
// could be: all that Driver can but run commands beside them.
type Tasks interface {
	driver.Driver
	driver.Finder
	driver.Signaler
	driver.Statter
	driver.Rooter
	driver.Mounter
	driver.Networker
}

// New returns a driver. It can be used on a machine that lacks what it needs:
// Fingerprint says so.
func New(k Kind, o Options) *Driver {
	if len(o.ChrootEnv) == 0 {
		o.ChrootEnv = DefaultChrootEnv()
	}
	if o.Cgroup == "" {
		o.Cgroup = held.DefaultCgroup
	}
	d := &Driver{kind: k, options: o, since: time.Now(), filters: map[capSet][]byte{}}
	d.Holder = held.New(held.Options{Name: k.Name, ShimPath: o.ShimPath, Usable: d.usable, Spec: d.specOf})
	if d.problem = checkKernel(); d.problem == nil {
		d.groups, d.problem = findHierarchy(o.Cgroup)
	}
	return d
}

// errNotRoot is told as the reference does.
var errNotRoot = errors.New("Driver must run as root")

// checkKernel returns what this process or its kernel lack.
func checkKernel() error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		err = errors.Join(err, unix.Close(tree))
	}
	if err != nil {
		return fmt.Errorf("the kernel does not let mounts be made (Linux 5.12 or later, CAP_SYS_ADMIN): %w", err)
	}
	return nil
}

func (d *Driver) usable() error {
	if d.problem != nil {
		return fmt.Errorf("%w: driver %s: %w", api.ErrNotSupported, d.kind.Name, d.problem)
	}
	return nil
}

// Fingerprint reports the driver as detected where tasks can be set apart and what it
// runs is there.
func (d *Driver) Fingerprint(ctx context.Context) api.DriverInfo {
	info := api.DriverInfo{UpdateTime: d.since}
	attributes := map[string]string{"driver." + d.kind.Name: "true"}
	switch err := errors.Join(d.problem, d.ShimErr()); {
	case errors.Is(err, errNotRoot):
		info.HealthDescription = err.Error()
		return info
	case err != nil:
		info.Detected = true
		info.HealthDescription = err.Error()
		return info
	}
	if d.kind.Detect != nil {
		more, err := d.kind.Detect(ctx)
		if err != nil {
			info.HealthDescription = err.Error()
			return info
		}
		maps.Copy(attributes, more)
	}
	info.Detected, info.Healthy, info.HealthDescription, info.Attributes = true, true, "Healthy", attributes
	return info
}

// Validate checks the keys of a config block, and their values.
func (d *Driver) Validate(config map[string]any) error {
	_, err := d.parseConfig(config)
	return err
}

// Rooted is true of all tasks.
func (d *Driver) Rooted(map[string]any) bool { return true }

// Mounts makes Driver a driver.Mounter.
func (d *Driver) Mounts() {}

// Networks makes Driver a driver.Networker.
func (d *Driver) Networks() {}

// defaultUser is who runs a task that does not say.
const defaultUser = "nobody"

// specOf says what the shim is to run.
func (d *Driver) specOf(task driver.Task) (*shim.Spec, error) {
	c, err := d.parseConfig(task.Config)
	if err != nil {
		return nil, err
	}
	owned := task.User == ""
	if owned {
		task.User = defaultUser
	}
	spec, err := held.SpecOf(task, d.options.Plugin.Denied)
	if err != nil {
		return nil, err
	}
	if owned && task.SecretsDir != "" {
		if err := giveSecrets(task.SecretsDir, spec.User); err != nil {
			return nil, fmt.Errorf("secrets directory: %w", err)
		}
	}
	spec.Path, spec.Args, spec.Dir = c.command, append([]string{c.command}, c.args...), c.workDir
	if spec.Cgroup, spec.Groups, err = d.limits(task, c); err != nil {
		return nil, err
	}
	spec.Isolation, err = d.isolation(task, c)
	if err == nil && d.kind.Complete != nil {
		err = d.kind.Complete(task, spec)
	}
	return spec, err
}

// isolation says how a task is set apart.
func (d *Driver) isolation(task driver.Task, c config) (*shim.Isolation, error) {
	filter, err := d.filter(c.caps)
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(task.StateDir, "scratch")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	return &shim.Isolation{
		HostPID: c.hostPID, HostIPC: c.hostIPC, NoPivotRoot: d.options.Plugin.NoPivotRoot,
		NetNS: task.Network.Namespace, Hostname: task.Network.Hostname,
		Root: task.Dir, Scratch: scratch, Mounts: d.mounts(task),
		Caps: uint64(c.caps), Filter: filter,
	}, nil
}

// filter returns the seccomp filter of tasks with the capabilities.
func (d *Driver) filter(caps capSet) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	filter, made := d.filters[caps]
	if !made {
		var err error
		if filter, err = filterFor(caps); err != nil {
			return nil, err
		}
		d.filters[caps] = filter
	}
	return filter, nil
}

// giveSecrets makes the user the owner of the directory of secrets, which its parent's
// owners may have put a link in the place of.
func giveSecrets(dir string, u *shim.User) error {
	if u == nil {
		return nil
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Chown(int(u.UID), int(u.GID)), f.Close())
}
