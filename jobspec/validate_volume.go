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
		at.oneOf("type", volume.Type, api.VolumeHost, api.VolumeCSI)
		if volume.Source == "" {
			at.in("source").addf("a volume is asked for by its name")
		}
		if volume.PerAlloc {
			checkPerAlloc(at.in("per_alloc"), job, group)
		}
		if volume.MountOptions != nil {
			at.in("mount_options").unsupported("options of mounts")
		}
		if volume.Type == api.VolumeCSI {
			checkCSI(at, job, group, name)
		} else {
			checkHostVolume(at, job, group, volume)
		}
	}
}

func checkHostVolume(p place, job *api.Job, group *api.TaskGroup, volume *api.VolumeRequest) {
	if volume.Sticky && !volume.PerAlloc {
		checkPerAlloc(p.in("sticky"), job, group)
	}
	if volume.AccessMode != "" || volume.AttachmentMode != "" {
		p.unsupported("access_mode and attachment_mode; a host volume is shared by all who ask for it")
	}
}

// checkCSI checks what a group asks for of a CSI volume. A job is refused whose instances
// could never all have what they ask for.
func checkCSI(p place, job *api.Job, group *api.TaskGroup, name string) {
	volume := group.Volumes[name]
	p.oneOf("access_mode", volume.AccessMode, api.AccessModes...)
	p.oneOf("attachment_mode", volume.AttachmentMode, api.AttachmentModes...)
	if volume.Sticky {
		p.in("sticky").addf("a CSI volume is wherever its plugin is, there is nothing to come back to; remove it")
	}
	for other, v := range group.Volumes {
		if other < name && v.Type == api.VolumeCSI && v.Source == volume.Source && v.PerAlloc == volume.PerAlloc {
			p.in("source").addf("the group asks for %q twice, as %q as well", volume.Source, other)
		}
	}
	switch volume.AccessMode {
	case api.AccessSingleNodeReader, api.AccessMultiNodeReader:
		if !volume.ReadOnly {
			p.in("read_only").addf("a volume with access mode %s can only be read; say read_only = true", volume.AccessMode)
		}
	}
	if volume.PerAlloc || !volume.ClaimedAlone() {
		return
	}
	switch {
	case job.IsSystem():
		p.in("access_mode").addf("in mode %s one instance at a time can have the volume so, and a %s job has one on each node", volume.AccessMode, api.Deref(job.Type))
	case api.Deref(group.Count) > 1:
		p.in("access_mode").addf("in mode %s one instance at a time can have the volume so, and the group has a count of %d; use per_alloc, or another mode",
			volume.AccessMode, *group.Count)
	case group.Update != nil && api.Deref(group.Update.Canary) > 0:
		p.in("access_mode").addf("in mode %s one instance at a time can have the volume so, and a canary would ask for that of the instance that it is to replace; "+
			"remove canary in the update block", volume.AccessMode)
	}
}

// checkPerAlloc checks a volume of which each instance has its own, or comes back to its own.
func checkPerAlloc(p place, job *api.Job, group *api.TaskGroup) {
	switch {
	case job.IsSystem():
		p.addf("instances of a %s job have no numbers by which to tell their volumes apart", api.Deref(job.Type))
	case group.Update != nil && api.Deref(group.Update.Canary) > 0:
		p.addf("a canary would ask for the volume of the instance that it is to replace; remove canary in the update block")
	}
}

// How mounts are passed on between a node and a task.
var propagationModes = []string{"private", "host-to-task", "bidirectional"}

// checkVolumeMount checks where a task sees a volume of its group.
func checkVolumeMount(p place, group *api.TaskGroup, mount *api.VolumeMount) {
	name := api.Deref(mount.Volume)
	if group.Volumes[name] == nil {
		p.in("volume").addf("the group asks for no volume %q; add volume %q { … } to it", name, name)
	}
	if api.Deref(mount.Destination) == "" {
		p.in("destination").addf("say where the task sees it")
	}
	if mode := api.Deref(mount.PropagationMode); mode != "" {
		p.oneOf("propagation_mode", mode, propagationModes...)
	}
	if label := api.Deref(mount.SELinuxLabel); label != "" {
		p.in("selinux_label").unsupported("labels of SELinux")
	}
}
