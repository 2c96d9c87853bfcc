package api

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Answers and requests, never stored.
//
//msgp:ignore CSIVolumeListStub CSIVolumesRequest CSIPlugin CSIPluginListStub

// What may be done with a volume at a time: the access modes of CSI
// (https://github.com/container-storage-interface/spec/blob/master/spec.md).
const (
	AccessSingleNodeReader      = "single-node-reader-only"  // one claim, which reads
	AccessSingleNodeWriter      = "single-node-writer"       // one claim, which may write
	AccessMultiNodeReader       = "multi-node-reader-only"   // any number, which read
	AccessMultiNodeSingleWriter = "multi-node-single-writer" // one that writes, any number that read
	AccessMultiNodeMultiWriter  = "multi-node-multi-writer"  // any number
)

// AccessModes lists the access modes.
var AccessModes = []string{
	AccessSingleNodeReader, AccessSingleNodeWriter, AccessMultiNodeReader, AccessMultiNodeSingleWriter, AccessMultiNodeMultiWriter,
}

// How a volume comes to a task.
const (
	AttachmentFileSystem  = "file-system"
	AttachmentBlockDevice = "block-device"
)

// AttachmentModes lists the attachment modes.
var AttachmentModes = []string{AttachmentFileSystem, AttachmentBlockDevice}

// CSIVolume is storage outside of the nodes that a plugin brings to them. Who uses it is
// not part of it: that is what allocations claim (Allocation.Claims). The fields of the
// last block are joined in at the HTTP edge from allocations and nodes.
type CSIVolume struct {
	ObjectMeta            `msg:"-"`
	ID                    string
	Name                  string
	ExternalID            string // by which the plugin knows it
	Namespace             string
	RequestedTopologies   *CSITopologyRequest
	Topologies            []*CSITopology // it is to be had at one of these; everywhere if there are none
	MountOptions          *CSIMountOptions
	Secrets               CSISecrets
	Parameters            map[string]string
	Context               map[string]string
	Capacity              int64 // bytes
	RequestedCapacityMin  int64 // bytes
	RequestedCapacityMax  int64 // bytes
	RequestedCapabilities []*CSIVolumeCapability
	CloneID               string
	SnapshotID            string
	PluginID              string
	CreateTime            int64
	ModifyTime            int64
	// Deleting is set while it is made sure that nobody uses it: nothing can be placed
	// that does.
	Deleting bool `json:"-"`

	AccessMode          string                 `msg:"-"` // of those who claim it; empty: nobody does
	AttachmentMode      string                 `msg:"-"`
	ReadAllocs          map[string]*Allocation `msg:"-"` // by ID; the values are nil, see Allocations
	WriteAllocs         map[string]*Allocation `msg:"-"`
	Allocations         []*AllocationListStub  `msg:"-"` // that claim it
	Schedulable         bool                   `msg:"-"`
	Provider            string                 `msg:"-"`
	ProviderVersion     string                 `msg:"-"`
	ControllerRequired  bool                   `msg:"-"`
	ControllersHealthy  int                    `msg:"-"`
	ControllersExpected int                    `msg:"-"`
	NodesHealthy        int                    `msg:"-"`
	NodesExpected       int                    `msg:"-"`
	ResourceExhausted   time.Time              `msg:"-"` // always zero: no plugin reports it
}

// CSIVolumeKey is the key of a volume.
func CSIVolumeKey(namespace, id string) Key {
	return Key{Kind: KindCSIVolume, Namespace: namespace, ID: id}
}

// Key implements Object.
func (v *CSIVolume) Key() Key {
	if v == nil {
		return Key{Kind: KindCSIVolume}
	}
	return CSIVolumeKey(v.Namespace, v.ID)
}

// Allows reports whether the volume was registered as one that may be used so.
func (v *CSIVolume) Allows(accessMode, attachmentMode string) bool {
	return slices.ContainsFunc(v.RequestedCapabilities, func(c *CSIVolumeCapability) bool {
		return c.AccessMode == accessMode && c.AttachmentMode == attachmentMode
	})
}

// Reaches reports whether the volume is to be had where a plugin says that its node is.
func (v *CSIVolume) Reaches(n *CSINodeInfo) bool {
	if len(v.Topologies) == 0 {
		return true
	}
	if n == nil || n.AccessibleTopology == nil {
		return false
	}
	return slices.ContainsFunc(v.Topologies, n.AccessibleTopology.Includes)
}

// Stub returns the volume as it is in lists.
func (v *CSIVolume) Stub() *CSIVolumeListStub {
	return &CSIVolumeListStub{
		ID: v.ID, Namespace: v.Namespace, Name: v.Name, ExternalID: v.ExternalID, Topologies: v.Topologies,
		AccessMode: v.AccessMode, AttachmentMode: v.AttachmentMode, CurrentReaders: len(v.ReadAllocs), CurrentWriters: len(v.WriteAllocs),
		Schedulable: v.Schedulable, PluginID: v.PluginID, Provider: v.Provider,
		ControllerRequired: v.ControllerRequired, ControllersHealthy: v.ControllersHealthy, ControllersExpected: v.ControllersExpected,
		NodesHealthy: v.NodesHealthy, NodesExpected: v.NodesExpected, ResourceExhausted: v.ResourceExhausted,
		CreateIndex: v.CreateIndex, ModifyIndex: v.ModifyIndex,
	}
}

// CSISecrets are handed to a plugin with each of its calls. Their JSON form has their
// names alone.
type CSISecrets map[string]string

// redacted is what is shown of a secret.
const redacted = "[REDACTED]"

// MarshalJSON hides the values.
func (s CSISecrets) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("null"), nil
	}
	shown := make(map[string]string, len(s))
	for name := range s {
		shown[name] = redacted
	}
	return json.Marshal(shown)
}

// CSIVolumeCapability is one way in which a volume may be used.
type CSIVolumeCapability struct {
	AccessMode     string
	AttachmentMode string
}

// CSITopology is where something is, in the words of a plugin: zone=z1, rack=r4.
type CSITopology struct {
	Segments map[string]string
}

// Includes reports whether everything that the other topology says holds here.
func (t *CSITopology) Includes(other *CSITopology) bool {
	for name, value := range other.Segments {
		if here, ok := t.Segments[name]; !ok || here != value {
			return false
		}
	}
	return true
}

// CSITopologyRequest is where a volume should be.
type CSITopologyRequest struct {
	Required  []*CSITopology
	Preferred []*CSITopology
}

// CSIInfo is what a node says of a storage plugin that runs on it.
type CSIInfo struct {
	PluginID                 string
	AllocID                  string
	Healthy                  bool
	HealthDescription        string
	UpdateTime               time.Time
	Provider                 string
	ProviderVersion          string
	RequiresControllerPlugin bool // a controller must be healthy somewhere for volumes to be used
	RequiresTopologies       bool
	ControllerInfo           *CSIControllerInfo `json:",omitempty"`
	NodeInfo                 *CSINodeInfo       `json:",omitempty"`
}

// CSIControllerInfo is what a controller plugin can do.
type CSIControllerInfo struct {
	SupportsReadOnlyAttach           bool
	SupportsAttachDetach             bool
	SupportsListVolumes              bool
	SupportsListVolumesAttachedNodes bool
	SupportsCreateDelete             bool
	SupportsCreateDeleteSnapshot     bool
	SupportsListSnapshots            bool
	SupportsExpand                   bool
	SupportsClone                    bool
}

// CSINodeInfo is what a node plugin says of its node.
type CSINodeInfo struct {
	ID                      string // by which the plugin knows the node
	MaxVolumes              int64  // of the plugin at a time; 0: any number
	AccessibleTopology      *CSITopology
	RequiresNodeStageVolume bool
	SupportsStats           bool
	SupportsExpand          bool
}

// VolumeClaim is the use of a CSI volume, of the namespace of its job, by an allocation:
// from its placement until it has ended.
type VolumeClaim struct {
	Volume         string `msg:"v"` // ID
	AccessMode     string `msg:"m"`
	AttachmentMode string `msg:"a"`
	ReadOnly       bool   `msg:"r"`
}

// Exclusive reports whether nobody else can make the same claim at a time.
func (c *VolumeClaim) Exclusive() bool { return exclusive(c.AccessMode, c.ReadOnly) }

// ClaimedAlone reports whether only one instance at a time can have what is asked for.
func (v *VolumeRequest) ClaimedAlone() bool {
	return v.Type == VolumeCSI && exclusive(v.AccessMode, v.ReadOnly)
}

func exclusive(accessMode string, readOnly bool) bool {
	switch accessMode {
	case AccessSingleNodeReader, AccessSingleNodeWriter:
		return true
	}
	return accessMode == AccessMultiNodeSingleWriter && !readOnly
}

// CSIVolumeListStub is a volume in a list.
type CSIVolumeListStub struct {
	ID                  string
	Namespace           string
	Name                string
	ExternalID          string
	Topologies          []*CSITopology
	AccessMode          string
	AttachmentMode      string
	CurrentReaders      int
	CurrentWriters      int
	Schedulable         bool
	PluginID            string
	Provider            string
	ControllerRequired  bool
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	ResourceExhausted   time.Time
	CreateIndex         uint64
	ModifyIndex         uint64
}

// CSIVolumesRequest is the body of PUT /v1/volume/csi/ID.
type CSIVolumesRequest struct {
	Volumes []*CSIVolume
}

// CSIPlugin is a storage plugin as all nodes together report it. It is not stored.
type CSIPlugin struct {
	ID                  string
	Provider            string
	Version             string
	ControllerRequired  bool
	Controllers         map[string]*CSIInfo // by node
	Nodes               map[string]*CSIInfo // by node
	Allocations         []*AllocationListStub
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	CreateIndex         uint64
	ModifyIndex         uint64 // of the node that reported last
}

// CSIPluginListStub is a plugin in a list.
type CSIPluginListStub struct {
	ID                  string
	Provider            string
	ControllerRequired  bool
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	CreateIndex         uint64
	ModifyIndex         uint64
}

// Stub returns the plugin as it is in lists.
func (p *CSIPlugin) Stub() *CSIPluginListStub {
	return &CSIPluginListStub{
		ID: p.ID, Provider: p.Provider, ControllerRequired: p.ControllerRequired,
		ControllersHealthy: p.ControllersHealthy, ControllersExpected: p.ControllersExpected,
		NodesHealthy: p.NodesHealthy, NodesExpected: p.NodesExpected, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex,
	}
}

// Report adds what a node reports of the plugin.
func (p *CSIPlugin) Report(n *Node) {
	controller, node := n.CSIControllerPlugins[p.ID], n.CSINodePlugins[p.ID]
	for _, info := range []*CSIInfo{controller, node} {
		if info == nil {
			continue
		}
		p.Provider, p.Version = cmp.Or(info.Provider, p.Provider), cmp.Or(info.ProviderVersion, p.Version)
		p.ControllerRequired = p.ControllerRequired || info.RequiresControllerPlugin
		p.ModifyIndex = max(p.ModifyIndex, n.ModifyIndex)
		if p.CreateIndex == 0 || n.CreateIndex < p.CreateIndex {
			p.CreateIndex = n.CreateIndex
		}
	}
	p.Controllers = report(p.Controllers, n.ID, controller, &p.ControllersHealthy, &p.ControllersExpected)
	p.Nodes = report(p.Nodes, n.ID, node, &p.NodesHealthy, &p.NodesExpected)
}

func report(all map[string]*CSIInfo, node string, info *CSIInfo, healthy, expected *int) map[string]*CSIInfo {
	if all == nil {
		all = map[string]*CSIInfo{}
	}
	if info == nil {
		return all
	}
	all[node] = info
	*expected++
	if info.Healthy {
		*healthy++
	}
	return all
}

// Schedulable reports whether volumes of the plugin can be used anywhere.
func (p *CSIPlugin) Schedulable() bool {
	return p.NodesHealthy > 0 && (!p.ControllerRequired || p.ControllersHealthy > 0)
}

// CSIPlugins returns what nodes report of storage plugins, by ID, in the order of IDs.
func CSIPlugins(nodes []*Node) []*CSIPlugin {
	byID := map[string]*CSIPlugin{}
	for _, n := range nodes {
		seen := map[string]bool{}
		for _, reported := range []map[string]*CSIInfo{n.CSIControllerPlugins, n.CSINodePlugins} {
			for id := range reported {
				if seen[id] {
					continue
				}
				seen[id] = true
				if byID[id] == nil {
					byID[id] = &CSIPlugin{ID: id, Allocations: []*AllocationListStub{}}
				}
				byID[id].Report(n)
			}
		}
	}
	plugins := make([]*CSIPlugin, 0, len(byID))
	for _, p := range byID {
		plugins = append(plugins, p)
	}
	slices.SortFunc(plugins, func(a, b *CSIPlugin) int { return strings.Compare(a.ID, b.ID) })
	return plugins
}
