package jobspec

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// volumes checks what a group asks for of volumes.
func (v *validator) volumes(p place, job *api.Job, group *api.TaskGroup) {
	for _, name := range slices.Sorted(maps.Keys(group.Volumes)) {
		volume, at := group.Volumes[name], p.in("volume %q", name)
		checkLabel(at, name)
		if volume.Type == api.VolumeCSI {
			at.unsupported("volumes of type csi")
			continue
		}
		at.oneOf("type", volume.Type, api.VolumeHost, api.VolumeCSI)
		if volume.Source == "" {
			at.in("source").addf("a volume is asked for by its name")
		}
		if volume.PerAlloc {
			checkPerAlloc(at.in("per_alloc"), job, group)
		}
		if volume.Sticky {
			at.in("sticky").unsupported("coming back to a volume")
		}
		if volume.AccessMode != "" || volume.AttachmentMode != "" {
			at.unsupported("access_mode and attachment_mode; a host volume is shared by all who ask for it")
		}
		if volume.MountOptions != nil {
			at.in("mount_options").unsupported("options of mounts")
		}
	}
}

// checkPerAlloc checks a volume of which each instance has its own.
func checkPerAlloc(p place, job *api.Job, group *api.TaskGroup) {
	switch {
	case job.IsSystem():
		p.addf("instances of a %s job have no numbers by which to name volumes", api.Deref(job.Type))
	case group.Update != nil && api.Deref(group.Update.Canary) > 0:
		p.addf("a canary would ask for the volume of the instance that it is to replace; remove canary in the update block")
	}
}
