package fingerprint

import (
	"context"
	"os"
	"runtime"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/bridge"
	"github.com/droverhq/drover/nodeagent/fingerprint/cgroup"
	"github.com/droverhq/drover/nodeagent/fingerprint/cloud"
	"github.com/droverhq/drover/nodeagent/fingerprint/cni"
	"github.com/droverhq/drover/nodeagent/fingerprint/cpu"
	"github.com/droverhq/drover/nodeagent/fingerprint/drover"
	"github.com/droverhq/drover/nodeagent/fingerprint/host"
	"github.com/droverhq/drover/nodeagent/fingerprint/hostvolume"
	"github.com/droverhq/drover/nodeagent/fingerprint/kernel"
	"github.com/droverhq/drover/nodeagent/fingerprint/memory"
	"github.com/droverhq/drover/nodeagent/fingerprint/network"
	osfingerprint "github.com/droverhq/drover/nodeagent/fingerprint/os"
	"github.com/droverhq/drover/nodeagent/fingerprint/pressure"
	"github.com/droverhq/drover/nodeagent/fingerprint/storage"
	allocnetwork "github.com/droverhq/drover/nodeagent/network"
)

// Fingerprinter finds out one side of a node.
type Fingerprinter interface {
	// Name says which, for messages.
	Name() string
	// Run finds it out and returns a function that writes it into a node, whose
	// Attributes and Resources are there. Run is called again and again, concurrently
	// with other fingerprinters but not with itself; the function is called any number
	// of times, for another node each. With an error there is a function too if a part
	// could be found out.
	Run(ctx context.Context) (func(*api.Node), error)
}

// Options steer the default fingerprinters. Zero values leave it to what they find.
type Options struct {
	DataDir          string // where allocations' files are; required
	NetworkInterface string
	NetworkSpeed     int // Mbit/s
	// HostNetworks are parts of the node's addresses that jobs may ask for, by name.
	HostNetworks map[string]api.HostNetworkInfo
	// Networks says which networks allocations can have to themselves.
	Networks        allocnetwork.Options
	TotalCompute    int // MHz
	ReservableCores []uint16
	ReservedCores   []uint16
	TotalMemoryMB   int // MiB
	TotalDiskMB     int // MiB
	// DiskUsage and InodeUsage are how full the file system is, in percent, when the node is
	// short of room.
	DiskUsage, InodeUsage float64
	HostVolumes           map[string]api.HostVolumeInfo // to offer, by name
	Version               string                        // of drover
	AdvertiseHTTP         string                        // host:port
}

// Default returns all fingerprinters, in the order in which they write.
func Default(o Options) []Fingerprinter {
	system := os.DirFS("/")
	networks := o.Networks.WithDefaults()
	able := runtime.GOOS == "linux" && os.Geteuid() == 0
	return []Fingerprinter{
		bridge.Fingerprint{System: system, Able: able, Hairpin: networks.Bridge.Hairpin},
		&cni.Fingerprint{Able: able, PluginPath: networks.PluginPath, ConfigDir: networks.ConfigDir},
		cgroup.Fingerprint{System: system},
		&cpu.Fingerprint{System: system, TotalCompute: o.TotalCompute, Reservable: o.ReservableCores, Reserved: o.ReservedCores},
		drover.Fingerprint{Version: o.Version, Advertise: o.AdvertiseHTTP},
		host.Fingerprint{System: system},
		hostvolume.Fingerprint{Volumes: o.HostVolumes},
		kernel.Fingerprint{},
		memory.Fingerprint{System: system, TotalMB: o.TotalMemoryMB},
		&pressure.Fingerprint{
			Dir: o.DataDir, DiskUsage: o.DiskUsage, InodeUsage: o.InodeUsage, Memory: memory.Fingerprint{System: system}.Available,
		},
		network.Fingerprint{System: system, Interface: o.NetworkInterface, Speed: o.NetworkSpeed, Hosts: o.HostNetworks},
		osfingerprint.Fingerprint{System: system},
		&storage.Fingerprint{System: system, Dir: o.DataDir, TotalMB: o.TotalDiskMB},
	}
}

// Clouds returns the fingerprinters that ask the metadata service of the cloud that the
// machine is in: over the network, so that nobody should wait for them. On other machines
// they find nothing, and ask nobody.
func Clouds() []Fingerprinter {
	system := os.DirFS("/")
	return []Fingerprinter{
		cloud.AWS{System: system, URL: os.Getenv("AWS_ENV_URL")},
		cloud.GCE{System: system, URL: os.Getenv("GCE_ENV_URL")},
		cloud.Azure{System: system, URL: os.Getenv("AZURE_ENV_URL")},
	}
}
