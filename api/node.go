package api

import "time"

//msgp:ignore NodeListStub

// States of a node.
const (
	NodeInit         = "initializing"
	NodeReady        = "ready"
	NodeDown         = "down"
	NodeDisconnected = "disconnected"

	NodeEligible   = "eligible"
	NodeIneligible = "ineligible"
)

// Node is a machine of the fleet, as its node agent describes it. The fields of
// the last block are joined in at the HTTP edge from NodeIntent and NodeStatus.
type Node struct {
	ObjectMeta           `msg:"-"`
	ID                   string
	SecretID             string // proves who a session is; never leaves the servers
	Datacenter           string
	Name                 string
	HTTPAddr             string
	TLSEnabled           bool
	Attributes           map[string]string
	Resources            *NodeResources `json:"NodeResources"`
	ReservedResources    *NodeReservedResources
	Links                map[string]string
	Meta                 map[string]string
	NodeClass            string
	NodePool             string
	CgroupParent         string
	Drivers              map[string]*DriverInfo
	HostVolumes          map[string]*HostVolumeInfo
	HostNetworks         map[string]*HostNetworkInfo
	CSIControllerPlugins map[string]*CSIInfo // storage plugins that run on it, by ID
	CSINodePlugins       map[string]*CSIInfo
	NodeMaxAllocs        int
	GCVolumesOnNodeGC    bool
	IdentitySigningKeyID string `json:",omitempty"`
	// ComputedClass is equal for nodes that no constraint can tell apart (without
	// unique attributes). The server that holds the session computes it.
	ComputedClass string

	Drain                    bool           `msg:"-"`
	DrainStrategy            *DrainStrategy `msg:"-"`
	LastDrain                *DrainMetadata `msg:"-"`
	SchedulingEligibility    string         `msg:"-"`
	Status                   string         `msg:"-"`
	StatusDescription        string         `msg:"-"`
	StatusUpdatedAt          int64          `msg:"-"` // Unix seconds
	Events                   []*NodeEvent   `msg:"-"`
	LastAllocUpdateIndex     uint64         `msg:"-"`
	LastMissedHeartbeatIndex uint64         `msg:"-"`
}

// Key implements Object.
func (n *Node) Key() Key {
	if n == nil {
		return Key{Kind: KindNode}
	}
	return Key{Kind: KindNode, ID: n.ID}
}

// NodeSession says which server holds the connection of a node agent. It is
// written when a session is gained or lost, and at no other time.
type NodeSession struct {
	ObjectMeta `msg:"-"`
	NodeID     string
	// ServerID is the server that holds, or held, the session.
	ServerID string
	// SessionID is new with every connection, so that a server that notices the end
	// of an old session late does not end a newer one.
	SessionID string
	Connected bool
	// Graceful says that the agent said goodbye: the node is down at once.
	Graceful bool
	Since    int64 // Unix nanoseconds at which Connected last changed, by the server's clock
}

// Key implements Object.
func (n *NodeSession) Key() Key {
	if n == nil {
		return Key{Kind: KindNodeSession}
	}
	return Key{Kind: KindNodeSession, ID: n.NodeID}
}

// NodeStatus is what the node-health controller concludes about a node.
type NodeStatus struct {
	ObjectMeta        `msg:"-"`
	NodeID            string
	Status            string
	StatusDescription string
	UpdatedAt         int64 // Unix nanoseconds
	LastMissedIndex   uint64
	Events            []*NodeEvent // latest last, at most MaxNodeEvents
}

// Key implements Object.
func (n *NodeStatus) Key() Key {
	if n == nil {
		return Key{Kind: KindNodeStatus}
	}
	return Key{Kind: KindNodeStatus, ID: n.NodeID}
}

// MaxNodeEvents is how many events of a node are kept.
const MaxNodeEvents = 10

// NodeEvent is something that happened to a node.
type NodeEvent struct {
	Message     string
	Subsystem   string
	Details     map[string]string
	Timestamp   time.Time
	CreateIndex uint64
}

// NodeResources is what a node has.
type NodeResources struct {
	Cpu            NodeCPUResources
	Memory         NodeMemoryResources
	Disk           NodeDiskResources
	Networks       []*NodeNetworkInfo
	NodeNetworks   []*NodeNetworkResource
	Devices        []*NodeDeviceResource
	Processors     NodeProcessors
	MinDynamicPort int
	MaxDynamicPort int
}

// NodeCPUResources is in MHz and cores.
type NodeCPUResources struct {
	CpuShares          int64
	TotalCpuCores      uint16
	ReservableCpuCores []uint16
}

// NodeMemoryResources is in MiB.
type NodeMemoryResources struct {
	MemoryMB int64
}

// NodeDiskResources is in MiB.
type NodeDiskResources struct {
	DiskMB int64
}

// NodeNetworkInfo is an address of a node, the older form.
type NodeNetworkInfo struct {
	Mode   string `json:",omitempty"`
	Device string `json:",omitempty"`
	CIDR   string `json:",omitempty"`
	IP     string `json:",omitempty"`
	MBits  int    `json:",omitempty"`
}

// NodeNetworkResource is a network interface of a node.
type NodeNetworkResource struct {
	Mode       string
	Device     string
	MacAddress string
	Speed      int // Mbit/s
	Addresses  []NodeNetworkAddress
}

// NodeNetworkAddress is an address of an interface.
type NodeNetworkAddress struct {
	Family        string // ipv4 or ipv6
	Alias         string // the host network that it belongs to
	Address       string
	ReservedPorts string
	Gateway       string
}

// NodeDeviceResource is the devices of one kind on a node.
type NodeDeviceResource struct {
	Vendor     string
	Type       string
	Name       string
	Instances  []*NodeDevice
	Attributes map[string]*DeviceAttribute
}

// NodeDevice is one device.
type NodeDevice struct {
	ID                string
	Healthy           bool
	HealthDescription string
	Locality          *NodeDeviceLocality
}

// NodeDeviceLocality is where a device is plugged in.
type NodeDeviceLocality struct {
	PciBusID string
}

// DeviceAttribute is a typed value.
type DeviceAttribute struct {
	Float  *float64 `json:",omitempty"`
	Int    *int64   `json:",omitempty"`
	String *string  `json:",omitempty"`
	Bool   *bool    `json:",omitempty"`
	Unit   string   `json:",omitempty"`
}

// NodeProcessors describes a node's cores.
type NodeProcessors struct {
	Topology *NodeTopology
}

// NodeTopology is which core is where, and how fast. Speeds are MHz.
type NodeTopology struct {
	Nodes                  []uint16 // not bytes: those would be a string in JSON
	Distances              [][]uint16
	Cores                  []NodeCore
	OverrideTotalCompute   uint64
	OverrideWitholdCompute uint64
}

// NodeCore is one core.
type NodeCore struct {
	SocketID   uint8
	NodeID     uint8
	ID         uint16
	Grade      bool // true: performance, false: efficiency
	Disable    bool
	BaseSpeed  uint64
	MaxSpeed   uint64
	GuessSpeed uint64
}

// NodeReservedResources is what is kept for things other than tasks.
type NodeReservedResources struct {
	Cpu      NodeReservedCPUResources
	Memory   NodeMemoryResources
	Disk     NodeDiskResources
	Networks NodeReservedNetworkResources
}

// NodeReservedCPUResources is in MHz and cores.
type NodeReservedCPUResources struct {
	CpuShares        int64
	ReservedCpuCores []uint16
}

// NodeReservedNetworkResources lists ports that tasks can't have: 22,80,8000-9000.
type NodeReservedNetworkResources struct {
	ReservedHostPorts string
}

// DriverInfo is the state of a task driver on a node.
type DriverInfo struct {
	Attributes        map[string]string
	Detected          bool
	Healthy           bool
	HealthDescription string
	UpdateTime        time.Time
}

// HostVolumeInfo is a directory that a node offers as a volume.
type HostVolumeInfo struct {
	ID       string
	Path     string
	ReadOnly bool
}

// HostNetworkInfo is a named network of a node.
type HostNetworkInfo struct {
	Name          string
	CIDR          string
	Interface     string
	ReservedPorts string
}

// NodeListStub is a node in a list.
type NodeListStub struct {
	Address               string
	ID                    string
	Attributes            map[string]string `json:",omitempty"`
	Datacenter            string
	Name                  string
	NodePool              string
	NodeClass             string
	Version               string
	Drain                 bool
	SchedulingEligibility string
	Status                string
	StatusDescription     string
	Drivers               map[string]*DriverInfo
	HostVolumes           map[string]*HostVolumeInfo
	NodeResources         *NodeResources         `json:",omitempty"`
	ReservedResources     *NodeReservedResources `json:",omitempty"`
	LastDrain             *DrainMetadata
	CreateIndex           uint64
	ModifyIndex           uint64
}
