package httpapi

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// volumeRoutes are those of CSI volumes and of the plugins that bring them to nodes.
func volumeRoutes() []route {
	of := []api.Kind{api.KindCSIVolume, api.KindAllocation, api.KindAllocationStatus, api.KindNode}
	creating, hosts := refuse("making and deleting volumes by a storage plugin; register those that are there"), refuse("host volumes that are made while nodes run")
	return []route{
		{pattern: "volumes", get: query(kinds(of...), listVolumes)},
		{pattern: "volumes/claims", get: query(kinds(api.KindHostVolumeClaim), listClaims)},
		{pattern: "volumes/claim/{claim}", del: deleteClaim},
		{pattern: "volume/claim/{claim}", del: deleteClaim},
		{pattern: "volumes/external", get: refuse("asking a storage plugin for its volumes")},
		{pattern: "volumes/snapshot", get: refuse(snapshots), put: refuse(snapshots), del: refuse(snapshots)},
		{pattern: "volume/csi/{volume}", get: query(kinds(of...), readVolume), put: registerVolumes, del: deregisterVolume},
		{pattern: "volume/csi/{volume}/create", put: creating},
		{pattern: "volume/csi/{volume}/delete", del: creating},
		{pattern: "volume/csi/{volume}/detach", del: detachVolume},
		{pattern: "volume/host/{rest...}", get: hosts, put: hosts, del: hosts},
		{pattern: "plugins", get: query(kinds(api.KindNode), listPlugins)},
		{pattern: "plugin/csi/{plugin}", get: query(kinds(of...), readPlugin)},
	}
}

const snapshots = "snapshots of volumes"

// volumes shows volumes with those who claim them and the plugins that bring them.
type volumes struct {
	*view
	plugins map[string]*api.CSIPlugin
}

func newVolumes(s store.Snapshot) *volumes {
	v := &volumes{newView(s), map[string]*api.CSIPlugin{}}
	var nodes []*api.Node
	for n := range store.List[*api.Node](s, store.Query{}) {
		if len(n.CSINodePlugins)+len(n.CSIControllerPlugins) > 0 {
			nodes = append(nodes, n)
		}
	}
	for _, p := range api.CSIPlugins(nodes) {
		v.plugins[p.ID] = p
	}
	return v
}

// claimants yields the allocations that claim a volume: those that have not ended.
func claimants(s store.Snapshot, namespace, id string) iter.Seq[*api.Allocation] {
	return func(yield func(*api.Allocation) bool) {
		for a := range store.List[*api.Allocation](s, store.Query{Index: store.ByVolume, Value: store.VolumeValue(namespace, id)}) {
			status := get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
			if a.Lost != api.AllocClientLost && !status.Terminal() && !yield(a) {
				return
			}
		}
	}
}

// volume returns a stored volume as it is shown.
func (v *volumes) volume(stored *api.CSIVolume) *api.CSIVolume {
	out := *stored
	out.ReadAllocs, out.WriteAllocs = map[string]*api.Allocation{}, map[string]*api.Allocation{}
	out.Allocations = []*api.AllocationListStub{}
	for a := range claimants(v.s, out.Namespace, out.ID) {
		out.Allocations = append(out.Allocations, v.stub(a, api.StubOptions{}))
		for _, c := range a.Claims {
			if c.Volume != out.ID {
				continue
			}
			out.AccessMode, out.AttachmentMode = c.AccessMode, c.AttachmentMode
			if c.ReadOnly {
				out.ReadAllocs[a.ID] = nil
			} else {
				out.WriteAllocs[a.ID] = nil
			}
		}
	}
	if p := v.plugins[out.PluginID]; p != nil {
		out.Provider, out.ProviderVersion, out.ControllerRequired = p.Provider, p.Version, p.ControllerRequired
		out.ControllersHealthy, out.ControllersExpected = p.ControllersHealthy, p.ControllersExpected
		out.NodesHealthy, out.NodesExpected = p.NodesHealthy, p.NodesExpected
		out.Schedulable = p.Schedulable() && !out.Deleting
	}
	return &out
}

// usedOn reports whether an allocation on a node, given by the beginning of its ID, claims
// the volume as it is shown.
func usedOn(v *api.CSIVolume, node string) bool {
	for _, a := range v.Allocations {
		if strings.HasPrefix(a.NodeID, node) {
			return true
		}
	}
	return node == ""
}

// listVolumes is GET /v1/volumes?type=csi. There are no others.
func listVolumes(s store.Snapshot, c *call) (any, error) {
	if c.query.Get("type") != api.VolumeCSI {
		return []any{}, nil
	}
	v, plugin, node := newVolumes(s), c.query.Get("plugin_id"), c.query.Get("node_id")
	q := store.Query{Namespace: c.namespaces(), IDPrefix: c.query.Get("prefix")}
	shown := each(store.List[*api.CSIVolume](s, q), v.volume)
	return listing[*api.CSIVolume]{
		items: where(shown, func(v *api.CSIVolume) bool {
			return strings.HasPrefix(v.PluginID, plugin) && usedOn(v, node)
		}),
		key:  func(v *api.CSIVolume) string { return v.Namespace + "." + v.ID },
		view: func(v *api.CSIVolume) any { return v.Stub() },
	}.answer(c)
}

// readVolume is GET /v1/volume/csi/ID.
func readVolume(s store.Snapshot, c *call) (any, error) {
	if v := get[*api.CSIVolume](s, api.CSIVolumeKey(c.namespace(), c.path["volume"])); v != nil {
		return newVolumes(s).volume(v), nil
	}
	return nil, notFound("volume")
}

// registerVolumes is PUT /v1/volume/csi/ID: all the volumes of the body, or none.
func registerVolumes(c *call) error {
	var in api.CSIVolumesRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.Volumes) == 0 {
		return malformed("there are no Volumes in the body")
	}
	for _, v := range in.Volumes {
		if v == nil {
			return malformed("a volume of the body is null")
		}
		if v.Namespace == "" {
			v.Namespace = c.namespace()
		}
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		var txn store.Txn
		for _, v := range in.Volumes {
			if err := planVolume(s, v, c.api.now().UnixNano(), &txn); err != nil {
				return txn, err
			}
		}
		return txn, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}

// planVolume adds to a transaction that a volume is registered, or changed.
func planVolume(s store.Snapshot, in *api.CSIVolume, now int64, txn *store.Txn) error {
	v := *in
	had := get[*api.CSIVolume](s, v.Key())
	v.Deleting, v.CreateTime, v.ModifyTime = false, now, now
	if v.Name == "" {
		v.Name = v.ID
	}
	if len(v.Topologies) == 0 && v.RequestedTopologies != nil {
		v.Topologies = v.RequestedTopologies.Required
	}
	if had != nil {
		v.CreateTime = had.CreateTime
	}
	invalid := &api.InvalidError{What: fmt.Sprintf("volume %q", v.ID)}
	checkVolume(&v, invalid)
	if had != nil {
		checkVolumeChange(s, had, &v, invalid)
	}
	namespace := get[*api.Namespace](s, (&api.Namespace{Name: v.Namespace}).Key())
	if namespace == nil || namespace.Deleting {
		invalid.Add("namespace", fmt.Sprintf("namespace %q does not exist", v.Namespace))
		return invalid
	}
	txn.Conditions = append(txn.Conditions, unchanged(s, v.Key()), store.Unchanged(namespace))
	txn.Writes = append(txn.Writes, store.Put(&v))
	return invalid.OrNil()
}

// checkVolume says what is wrong with a volume.
func checkVolume(v *api.CSIVolume, invalid *api.InvalidError) {
	if !validName(v.ID) {
		invalid.Add("id", "it must have 1 to 128 characters, none of them a space, a slash or a control character")
	}
	if v.PluginID == "" {
		invalid.Add("plugin_id", "a volume is brought to nodes by a plugin; which one?")
	}
	if v.ExternalID == "" {
		invalid.Add("external_id", "it must be there already; by which ID does its plugin know it?")
	}
	if v.SnapshotID != "" && v.CloneID != "" {
		invalid.Add("snapshot_id", "a volume is made of a snapshot or of another volume, not of both")
	}
	if len(v.RequestedCapabilities) == 0 {
		invalid.Add("capability", "there must be one at least: how may the volume be used?")
	}
	for _, c := range v.RequestedCapabilities {
		switch {
		case c == nil:
			invalid.Add("capability", "it is null")
		case !slices.Contains(api.AccessModes, c.AccessMode):
			invalid.Add("capability > access_mode", fmt.Sprintf("%q is none of %s", c.AccessMode, strings.Join(api.AccessModes, ", ")))
		case !slices.Contains(api.AttachmentModes, c.AttachmentMode):
			invalid.Add("capability > attachment_mode", fmt.Sprintf("%q is none of %s", c.AttachmentMode, strings.Join(api.AttachmentModes, ", ")))
		}
	}
	for _, t := range v.Topologies {
		if t == nil || len(t.Segments) == 0 {
			invalid.Add("topology_request > required", "a topology has segments")
		}
	}
}

// checkVolumeChange says what of a volume can't be changed, or not while it is used.
func checkVolumeChange(s store.Snapshot, had, v *api.CSIVolume, invalid *api.InvalidError) {
	for _, fixed := range []struct{ field, was, is string }{
		{"external_id", had.ExternalID, v.ExternalID},
		{"plugin_id", had.PluginID, v.PluginID},
		{"name", had.Name, v.Name},
		{"snapshot_id", had.SnapshotID, v.SnapshotID},
		{"clone_id", had.CloneID, v.CloneID},
	} {
		if fixed.was != fixed.is {
			invalid.Add(fixed.field, fmt.Sprintf("it is %q and can't be changed; deregister the volume first", fixed.was))
		}
	}
	for a := range claimants(s, v.Namespace, v.ID) {
		for _, c := range a.Claims {
			if c.Volume == v.ID && !v.Allows(c.AccessMode, c.AttachmentMode) {
				invalid.Add("capability", fmt.Sprintf("the volume is in use as %s, %s, by allocation %s of job %q", c.AccessMode, c.AttachmentMode, a.ID, a.JobID))
				return
			}
		}
	}
}

// deregisterVolume is DELETE /v1/volume/csi/ID?force=.
func deregisterVolume(c *call) error {
	force, err := c.flag("force")
	if err != nil {
		return err
	}
	namespace, id := c.namespace(), c.path["volume"]
	return c.deleteContainer(container{key: api.CSIVolumeKey(namespace, id), what: "volume", free: func(s store.Snapshot) error {
		for a := range claimants(s, namespace, id) {
			if force && !a.WantsRun() {
				continue
			}
			return wordedf(api.ErrConflict, "volume in use: %q is claimed by allocation %s of job %q, group %q, on node %s: stop it first",
				id, a.ID, a.JobID, a.TaskGroup, a.NodeID)
		}
		return nil
	}})
}

// detachVolume is DELETE /v1/volume/csi/ID/detach?node=NODE: allocations that were told to
// stop, or are out of contact, lose their claims as if they had ended.
func detachVolume(c *call) error {
	namespace, id, node := c.namespace(), c.path["volume"], c.query.Get("node")
	if node == "" {
		return malformed("detach from which node? ?node= is missing")
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		var txn store.Txn
		if get[*api.CSIVolume](s, api.CSIVolumeKey(namespace, id)) == nil {
			return txn, notFound("volume")
		}
		for a := range claimants(s, namespace, id) {
			if a.NodeID != node {
				continue
			}
			if a.WantsRun() && a.Lost == "" {
				return txn, wordedf(api.ErrConflict, "volume in use: allocation %s of job %q, group %q, runs with it on node %s: stop it first",
					a.ID, a.JobID, a.TaskGroup, a.NodeID)
			}
			txn.Conditions = append(txn.Conditions, store.Unchanged(a))
			txn.Writes = append(txn.Writes, store.Put(unclaimed(a, id)))
		}
		return txn, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return nil
}

// unclaimed returns an allocation without its claim on a volume.
func unclaimed(a *api.Allocation, volume string) *api.Allocation {
	out := *a
	out.Claims = nil
	for _, c := range a.Claims {
		if c.Volume != volume {
			out.Claims = append(out.Claims, c)
		}
	}
	return &out
}

// noVolume returns an error that names a volume which is in a namespace.
func noVolume(s store.Snapshot, namespace string) error {
	for v := range store.List[*api.CSIVolume](s, store.Query{Namespace: namespace}) {
		return malformed("namespace %q has volumes, such as %q: deregister them first", namespace, v.ID)
	}
	return nil
}

// listPlugins is GET /v1/plugins?type=csi.
func listPlugins(s store.Snapshot, c *call) (any, error) {
	if of := c.query.Get("type"); of != "" && of != api.VolumeCSI {
		return []any{}, nil
	}
	known := newVolumes(s).plugins
	return listing[*api.CSIPlugin]{
		items: func(yield func(*api.CSIPlugin) bool) {
			for _, id := range slices.Sorted(maps.Keys(known)) {
				if strings.HasPrefix(id, c.query.Get("prefix")) && !yield(known[id]) {
					return
				}
			}
		},
		key:    func(p *api.CSIPlugin) string { return p.ID },
		sorted: true,
		view:   func(p *api.CSIPlugin) any { return p.Stub() },
	}.answer(c)
}

// readPlugin is GET /v1/plugin/csi/ID.
func readPlugin(s store.Snapshot, c *call) (any, error) {
	v := newVolumes(s)
	p := v.plugins[c.path["plugin"]]
	if p == nil {
		return nil, notFound("plugin")
	}
	seen := map[string]bool{}
	for _, infos := range []map[string]*api.CSIInfo{p.Controllers, p.Nodes} {
		for _, node := range slices.Sorted(maps.Keys(infos)) {
			id := infos[node].AllocID
			if a := get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: id}); a != nil && !seen[id] {
				seen[id] = true
				p.Allocations = append(p.Allocations, v.stub(a, api.StubOptions{}))
			}
		}
	}
	return p, nil
}
