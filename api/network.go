package api

import "time"

// NetworkResource is a network that a group asks for, or got.
type NetworkResource struct {
	Mode          string     `json:",omitempty"` // host, bridge, none or cni/NAME
	Device        string     `json:",omitempty"`
	CIDR          string     `json:",omitempty"`
	IP            string     `json:",omitempty"`
	DNS           *DNSConfig `json:",omitzero"`
	ReservedPorts []Port     `json:",omitempty"`
	DynamicPorts  []Port     `json:",omitempty"`
	Hostname      string     `json:",omitempty"`
	MBits         *int       `json:",omitzero"` // without effect, kept for old jobspecs
	CNI           *CNIConfig `json:",omitzero"`
}

// Port is a port that a group asks for (Value is the static port, 0 if any will
// do) or got.
type Port struct {
	Label           string
	Value           int
	To              int `json:",omitempty"` // the port inside the network namespace; 0 means Value
	HostNetwork     string
	IgnoreCollision bool `json:",omitempty"`
}

// DNSConfig is a group's name resolution.
type DNSConfig struct {
	Servers  []string
	Searches []string
	Options  []string
}

// CNIConfig is passed to the network plugins.
type CNIConfig struct {
	Args map[string]string
}

// Service is a name under which a group or task can be found.
type Service struct {
	Name              string
	TaskName          string
	PortLabel         string
	AddressMode       string
	Address           string
	Tags              []string
	CanaryTags        []string
	TaggedAddresses   map[string]string
	EnableTagOverride bool
	Checks            []*ServiceCheck
	CheckRestart      *CheckRestart `json:",omitzero"` // jobspec only: Canonicalize moves it to the checks
	Connect           *ConsulConnect
	Meta              map[string]string
	CanaryMeta        map[string]string
	OnUpdate          string
	Provider          string // nomad or consul
	Cluster           string
	Namespace         string `form:"stored"`
	Identity          *WorkloadIdentity
	Weights           *ServiceWeights
	Kind              string
}

// ServiceWeights are a service's weights in DNS answers.
type ServiceWeights struct {
	Passing int
	Warning int
}

// ConsulConnect is parsed and kept, without effect.
type ConsulConnect struct {
	Native         bool
	Gateway        Values
	SidecarService Values
	SidecarTask    Values
}

// ServiceCheck says how a service's health is found out.
type ServiceCheck struct {
	Name                   string
	Type                   string
	Command                string
	Args                   []string
	Path                   string
	Protocol               string
	PortLabel              string
	Expose                 bool
	AddressMode            string
	Advertise              string `json:",omitempty"`
	Interval               time.Duration
	Timeout                time.Duration
	InitialStatus          string
	Notes                  string
	TLSServerName          string
	TLSSkipVerify          bool
	Header                 map[string][]string
	Method                 string
	CheckRestart           *CheckRestart
	GRPCService            string
	GRPCUseTLS             bool
	TaskName               string
	SuccessBeforePassing   int
	FailuresBeforeCritical int
	FailuresBeforeWarning  int
	Body                   string
	OnUpdate               string
}

// CheckRestart restarts a task whose check fails for long.
type CheckRestart struct {
	Limit          int
	Grace          *time.Duration
	IgnoreWarnings bool
}
