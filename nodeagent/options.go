package nodeagent

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/env"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/nodeagent/network"
	"github.com/droverhq/drover/session"
)

// Options is what an Agent needs.
type Options struct {
	// DataDir is where the agent keeps its state and allocations' files; it is made
	// if it is not there. One agent uses it at a time. Empty: nothing is kept.
	DataDir string
	// AllocDir and StateDir are where the files of allocations and the agent's state
	// are, if not in DataDir.
	AllocDir, StateDir string
	// Servers are the session addresses (host:port) of some servers. Required.
	Servers []string
	// Drivers run the tasks. Required.
	Drivers []driver.Driver

	Name       string // of the node; default: the host's
	Region     string // default: global
	Datacenter string // default: dc1
	NodePool   string // default: default
	NodeClass  string
	Meta       map[string]string
	HTTPAddr   string // by which the node's HTTP API is known, for show
	Version    string // of drover

	// Network, resources: what the fingerprinters are told. DataDir, Version and
	// AdvertiseHTTP in it are filled in.
	Fingerprint fingerprint.Options
	// Fingerprinters replace the default ones if they are not nil.
	Fingerprinters []fingerprint.Fingerprinter
	// Network says how networks of allocations' own are made. Dir, Owners and Log in it are
	// filled in.
	Network network.Options
	// Reserved is kept for things other than tasks.
	Reserved api.NodeReservedResources
	// MinDynamicPort and MaxDynamicPort bound the ports that tasks get when they ask
	// for any. Default: 20000 to 32000.
	MinDynamicPort, MaxDynamicPort int
	MaxAllocs                      int // placement puts no more on the node; 0: no bound
	// GCVolumes says that servers that forget the node forget its dynamic host volumes too.
	GCVolumes bool

	// MaxKillTimeout bounds what a job can ask for. Default 30 s.
	MaxKillTimeout time.Duration
	// DenyEnv are variables of the agent's environment that tasks do not see. Default:
	// env.DefaultDenied.
	DenyEnv []string
	// ParallelStarts is how many tasks are started at a time. Default: 4 a core,
	// at least 8. More only makes each start slower.
	ParallelStarts int
	// StopTasks ends all tasks when the agent ends, as a dev agent does. Otherwise
	// they run on for the next agent.
	StopTasks bool
	// Artifacts says how those of tasks are fetched.
	Artifacts artifact.Options
	// Drain says how the node is emptied when the agent leaves: see ErrLeave. nil: it
	// does not leave; its tasks run on.
	Drain *api.DrainSpec
	// GC says how long the files of ended allocations are kept.
	GC GCOptions
	// Disk says how allocations are held to their ephemeral_disk.
	Disk DiskOptions

	// Dial connects to a server. Default: session.Dial.
	Dial func(ctx context.Context, address string) (Session, error)
	Log  logr.Logger
}

// GCOptions says when the files of ended allocations are removed, the oldest first.
// (They are removed also when the servers have forgotten the allocation.)
type GCOptions struct {
	Interval time.Duration // between looks; default 1 min
	// MaxAllocs is how many ended allocations may have files. Default 2000; they cost
	// disk space only.
	MaxAllocs int
	MaxAge    time.Duration // since the end; default 7 days
	// DiskUsage and InodeUsage are how full the file system may get, in percent, before
	// files of allocations that ended more than ten minutes ago go. Default 80 and 70.
	DiskUsage, InodeUsage float64
	// Parallel is of how many allocations files are removed at a time; it bounds threads
	// and file descriptors when thousands go at once. Default 16.
	Parallel int
}

// Session is one connection with a server: what *session.Conn offers. It is closed
// to end it; then all methods return errors.
type Session interface {
	Send(ctx context.Context, f *session.Frame) error
	Recv(ctx context.Context) (*session.Frame, error)
	ServeHTTP(ctx context.Context, h http.Handler) error
	// OpenStream opens a connection on which the server answers HTTP requests.
	OpenStream(ctx context.Context) (net.Conn, error)
	Heard() time.Time // when the server last gave a sign of life
	Close() error
}

func (o Options) withDefaults() (Options, error) {
	invalid := &api.InvalidError{What: "node agent options"}
	if len(o.Servers) == 0 {
		invalid.Add("Servers", "no server to connect to")
	}
	if len(o.Drivers) == 0 {
		invalid.Add("Drivers", "no driver to run tasks with")
	}
	if o.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			invalid.Add("Name", "none given, and the host has none: "+err.Error())
		}
		o.Name = name
	}
	setDefault(&o.Region, api.DefaultRegion)
	setDefault(&o.Datacenter, "dc1")
	setDefault(&o.NodePool, api.DefaultNodePool)
	setDefault(&o.MinDynamicPort, 20000)
	setDefault(&o.MaxDynamicPort, 32000)
	if o.MinDynamicPort > o.MaxDynamicPort || o.MinDynamicPort < 1 || o.MaxDynamicPort > 65535 {
		invalid.Add("MinDynamicPort", "the range of dynamic ports is empty or out of 1 to 65535")
	}
	setDefault(&o.MaxKillTimeout, 30*time.Second)
	setDefault(&o.ParallelStarts, max(8, 4*runtime.GOMAXPROCS(0)))
	setDefault(&o.GC.Interval, time.Minute)
	setDefault(&o.GC.MaxAllocs, 2000)
	setDefault(&o.GC.MaxAge, 7*24*time.Hour)
	setDefault(&o.GC.DiskUsage, 80)
	setDefault(&o.GC.InodeUsage, 70)
	setDefault(&o.GC.Parallel, 16)
	setDefault(&o.Disk.Interval, 10*time.Second)
	if o.DenyEnv == nil {
		o.DenyEnv = env.DefaultDenied
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (Session, error) {
			return session.Dial(ctx, address)
		}
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	if o.Fingerprint.DataDir = o.AllocDir; o.AllocDir == "" {
		o.Fingerprint.DataDir = o.DataDir
	}
	o.Fingerprint.Version, o.Fingerprint.Networks = o.Version, o.Network
	o.Fingerprint.AdvertiseHTTP = o.HTTPAddr
	o.Fingerprint.DiskUsage, o.Fingerprint.InodeUsage = o.GC.DiskUsage, o.GC.InodeUsage
	return o, invalid.OrNil()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// jittered returns a duration between half of d and d, so that what failed together
// does not come back together.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
