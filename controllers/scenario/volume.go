package scenario

import (
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// volumesOf returns the host volumes that a node command names: volume=data.
func volumesOf(args []string) map[string]*api.HostVolumeInfo {
	volumes := make(map[string]*api.HostVolumeInfo)
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "volume="); ok {
			volumes[name] = &api.HostVolumeInfo{Path: "/" + name}
		}
	}
	return volumes
}

// pluginsOf returns the storage plugins that a node command names: plugin=ebs, or
// controller=ebs. Those of plugin=nfs! need a controller somewhere.
func pluginsOf(args []string, what string) map[string]*api.CSIInfo {
	plugins := make(map[string]*api.CSIInfo)
	for _, arg := range args {
		if id, ok := strings.CutPrefix(arg, what+"="); ok {
			id, controlled := strings.CutSuffix(id, "!")
			plugins[id] = &api.CSIInfo{PluginID: id, Healthy: true, RequiresControllerPlugin: controlled}
		}
	}
	return plugins
}

// csi registers a CSI volume, or changes it: NAME plugin=ebs, NAME deleting, NAME gone.
func (c *Cluster) csi(args []string) error {
	v := &api.CSIVolume{ID: args[0], Namespace: api.DefaultNamespace, PluginID: "ebs"}
	for _, mode := range api.AccessModes {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &api.CSIVolumeCapability{
			AccessMode: mode, AttachmentMode: api.AttachmentFileSystem,
		})
	}
	for _, arg := range args[1:] {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "plugin":
			v.PluginID = value
		case "deleting":
			v.Deleting = true
		case "gone":
			c.Delete(v.Key())
			return nil
		default:
			return fmt.Errorf("a volume has no %q here", key)
		}
	}
	c.Put(v)
	return nil
}

// unclaim deletes the claims of a job on host volumes, as an operator does.
func (c *Cluster) unclaim(job string) {
	var keys []api.Key
	for claim := range reconciletest.List[*api.HostVolumeClaim](c.World) {
		if claim.JobID == job {
			keys = append(keys, claim.Key())
		}
	}
	c.Delete(keys...)
}

// volumes returns what a group asks for.
func (s *Spec) volumes() map[string]*api.VolumeRequest {
	asked := make(map[string]*api.VolumeRequest)
	if s.Volume != "" {
		source, each := strings.CutSuffix(s.Volume, "[]")
		asked["v"] = &api.VolumeRequest{Name: "v", Type: api.VolumeHost, Source: source, PerAlloc: each, Sticky: s.Sticky}
	}
	if source, how, ok := strings.Cut(s.CSI, ","); ok {
		mode, readOnly := strings.CutSuffix(how, ",ro")
		source, each := strings.CutSuffix(source, "[]")
		asked["c"] = &api.VolumeRequest{
			Name: "c", Type: api.VolumeCSI, Source: source, PerAlloc: each,
			AccessMode: mode, AttachmentMode: api.AttachmentFileSystem, ReadOnly: readOnly,
		}
	}
	if len(asked) == 0 {
		return nil
	}
	return asked
}
