package isolated

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/held"
)

// Options say how tasks are set apart.
type Options struct {
	// Plugin is what the node's operator sets for the driver.
	Plugin Plugin
	// ChrootEnv are the directories and files of the node that tasks see, by where they
	// are on the node; the value is where tasks see them. Empty: DefaultChrootEnv.
	ChrootEnv map[string]string
	// Hidden are files and directories of the node that no task sees, wherever they are
	// in what ChrootEnv shows: the agent's data, say. Those of DefaultHidden are, too.
	Hidden []string
	// TotalMHz is what the node's cores can do together; 0: it is found out.
	TotalMHz int
	// ShimPath is as in held.Options.
	ShimPath string
	// Cgroup is the control group in which each task gets one of its own; default
	// drover.slice.
	Cgroup string
	Log    logr.Logger
}

// Plugin is the config block of a driver in the agent's configuration.
type Plugin struct {
	NoPivotRoot bool
	// HostPID and HostIPC are what tasks get that don't say: the node's, or their own.
	HostPID, HostIPC bool
	// Allowed are the capabilities that tasks may have.
	Allowed capSet
	// PIDsLimit is how many processes and threads a task may have at most; a task can ask
	// for fewer.
	PIDsLimit int
	Denied    held.Denied
}

// defaultPIDsLimit is more than servers with a thread for each connection have, and
// less than makes a node short of process IDs (32768 by default).
const defaultPIDsLimit = 4096

// leastPIDsLimit is what starting a task takes: threads of the stage.
const leastPIDsLimit = 16

// maxPIDsLimit is more than there are process IDs.
const maxPIDsLimit = 1 << 22

const (
	modePrivate = "private"
	modeHost    = "host"
)

// ParsePlugin reads the config block of a driver in the agent's configuration.
func ParsePlugin(driver string, values map[string]any) (Plugin, error) {
	b := block.New(fmt.Sprintf("plugin %q", driver), values)
	p := Plugin{
		NoPivotRoot: b.Flag("no_pivot_root"),
		HostPID:     b.OneOf("default_pid_mode", modePrivate, modeHost) == modeHost,
		HostIPC:     b.OneOf("default_ipc_mode", modePrivate, modeHost) == modeHost,
		PIDsLimit:   int(b.NumberIn("pids_limit", defaultPIDsLimit, leastPIDsLimit, maxPIDsLimit)),
		Denied:      held.ReadDenied(b),
	}
	allowed := DefaultCaps()
	if b.Has("allow_caps") {
		allowed = b.Texts("allow_caps")
	}
	p.Allowed = readCaps(b, "allow_caps", allowed)
	return p, b.Err()
}

func readCaps(b *block.Block, key string, names []string) capSet {
	set, err := parseCaps(names)
	if err != nil {
		b.Wrong(key, err.Error())
	}
	return set
}

// DefaultChrootEnv is what tasks see of the node where its operator does not say.
func DefaultChrootEnv() map[string]string {
	env := map[string]string{}
	for _, dir := range []string{
		"/bin", "/etc", "/lib", "/lib32", "/lib64", "/run/resolvconf", "/run/systemd/resolve", "/sbin", "/usr",
	} {
		env[dir] = dir
	}
	return env
}

// DefaultHidden are files of the node that are secret, as patterns.
func DefaultHidden() []string {
	return []string{
		"/etc/shadow*", "/etc/gshadow*", "/etc/ssl/private", "/etc/ssh/ssh_host_*_key", "/etc/sudoers*",
		"/etc/drover*", "/etc/nomad*", "/etc/consul*", "/etc/vault*", "/etc/kubernetes", "/etc/docker",
	}
}

// sortedByTarget returns the keys of a chroot environment, such that nothing comes
// before what it is in.
func sortedByTarget(env map[string]string) []string {
	return slices.SortedFunc(maps.Keys(env), func(x, y string) int {
		return cmp.Or(strings.Compare(env[x], env[y]), strings.Compare(x, y))
	})
}
