package docker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver/block"
)

// Options say how the driver works. ParseOptions makes them of an agent's
// configuration; only Dir and Log are set besides.
type Options struct {
	// Dir is a directory of this agent alone, absolute: by it the driver knows its own
	// containers among those of other agents that use the same engine. It is made when it
	// is needed.
	Dir string
	// ShimPath is the drover-shim program. Default: the one beside the running program,
	// else the running program itself.
	ShimPath string
	Log      logr.Logger

	Disabled        bool
	Endpoint        string // of the engine: unix:///var/run/docker.sock; empty: as the docker command finds it
	TLS             TLS
	AllowPrivileged bool
	AllowCaps       []string // lower case, without cap_; "all" is every one
	AllowRuntimes   []string
	NvidiaRuntime   string // of tasks that ask for gpus; empty: the engine's own way
	Volumes         bool   // tasks may have directories of the node
	SELinuxLabel    string // of what is mounted: z or Z
	PidsLimit       int64  // of each task, and the most that one may ask for; 0: none
	ExtraLabels     []string
	Logging         Logging // Type empty: see logConfig
	// NoLogs leaves what tasks write where the engine keeps it.
	NoLogs bool
	Auth   Auth

	PullTimeout         time.Duration // of tasks that do not say
	PullActivityTimeout time.Duration // a pull from which nothing is heard for so long has failed
	InfraImage          string        // whose container holds a network; empty: one made of drover-shim
	InfraPullTimeout    time.Duration

	GC GC
}

// TLS are files to prove to an engine elsewhere who one is.
type TLS struct{ CA, Cert, Key string }

// Auth says where the passwords of registries are.
type Auth struct {
	Config string // a file as the docker command writes it
	Helper string // docker-credential-HELPER is asked
}

// Logging is what the engine does with a task's output.
type Logging struct {
	Type   string
	Config map[string]string
}

// GC says what is removed that is not needed any more.
type GC struct {
	Image      bool
	ImageDelay time.Duration // since the last task that used it
	// Container: ended containers are removed. Otherwise they stay for people to look at.
	Container bool
	Dangling  Dangling
}

// Dangling says how containers are looked for that belong to this agent and to no task.
type Dangling struct {
	Enabled       bool
	DryRun        bool // they are only logged
	Period        time.Duration
	CreationGrace time.Duration // younger ones are left alone
}

// defaultCaps are the capabilities that tasks may have where the operator says nothing:
// those that the engine gives, without net_raw, with which one can pretend to be
// somebody else on the network.
var defaultCaps = []string{
	"audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service",
	"setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
}

// ParseOptions reads plugin "docker" { config { … } } of an agent's configuration.
func ParseOptions(config map[string]any) (Options, error) {
	b := block.New(`plugin "docker"`, config)
	o := Options{
		Disabled: !b.FlagOr("enabled", true), Endpoint: b.Text("endpoint"),
		AllowPrivileged: b.Flag("allow_privileged"), AllowCaps: capNames(defaultCaps),
		AllowRuntimes: []string{"runc", "nvidia"}, NvidiaRuntime: b.Text("nvidia_runtime"),
		PidsLimit: b.Number("pids_limit"), ExtraLabels: b.Texts("extra_labels"), NoLogs: b.Flag("disable_log_collection"),
		PullTimeout:         b.DurationOr("image_pull_timeout", 5*time.Minute),
		PullActivityTimeout: b.DurationOr("pull_activity_timeout", 2*time.Minute),
		InfraImage:          b.Text("infra_image"), InfraPullTimeout: b.DurationOr("infra_image_pull_timeout", 5*time.Minute),
	}
	if b.Has("allow_caps") {
		o.AllowCaps = capNames(b.Texts("allow_caps"))
	}
	if b.Has("allow_runtimes") {
		o.AllowRuntimes = b.Texts("allow_runtimes")
	}
	for _, label := range o.ExtraLabels {
		if !slices.ContainsFunc(extraLabels, func(known string) bool { return matchLabel(label, known) }) {
			b.Wrong("extra_labels", fmt.Sprintf("%q is none of %s", label, strings.Join(extraLabels, ", ")))
		}
	}
	tls, auth, volumes, logging := b.One("tls"), b.One("auth"), b.One("volumes"), b.One("logging")
	o.TLS = TLS{CA: tls.Text("ca"), Cert: tls.Text("cert"), Key: tls.Text("key")}
	o.Auth = Auth{Config: auth.Text("config"), Helper: auth.Text("helper")}
	o.Volumes, o.SELinuxLabel = volumes.Flag("enabled"), volumes.Text("selinuxlabel")
	o.Logging = Logging{Type: logging.Text("type"), Config: logging.Map("config")}
	o.GC = parseGC(b.One("gc"))
	b.Refuse("windows_allow_insecure_container_admin", "drover runs Linux containers only")
	return o, b.Err()
}

func parseGC(b *block.Block) GC {
	dangling := b.One("dangling_containers")
	gc := GC{
		Image: b.FlagOr("image", true), ImageDelay: b.DurationOr("image_delay", 3*time.Minute), Container: b.FlagOr("container", true),
		Dangling: Dangling{
			Enabled: dangling.FlagOr("enabled", true), DryRun: dangling.Flag("dry_run"),
			Period: dangling.DurationOr("period", 5*time.Minute), CreationGrace: dangling.DurationOr("creation_grace", 5*time.Minute),
		},
	}
	if gc.Dangling.Period < time.Second {
		dangling.Wrong("period", "must be a second at least")
	}
	return gc
}

// capNames returns names of capabilities in one form: net_raw for CAP_NET_RAW.
func capNames(list []string) []string {
	out := make([]string, len(list))
	for i, name := range list {
		out[i] = strings.TrimPrefix(strings.ToLower(name), "cap_")
	}
	return out
}
