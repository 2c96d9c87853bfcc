package api

// HostVolumeClaim says on which node the volume is that an instance used whose group asked
// for it to be sticky: whoever has its number from then on goes there. It is made with the
// allocation, and stays when that is gone, until an operator deletes it or the job is
// collected.
type HostVolumeClaim struct {
	ObjectMeta    `msg:"-"`
	ID            string
	Namespace     string
	JobID         string
	TaskGroupName string
	Index         int    // of the instance in its group
	AllocID       string // that was placed last because of it
	// VolumeID is the ID of the node: volumes that nodes are configured with have none of
	// their own.
	VolumeID   string
	VolumeName string
}

// HostVolumeClaimKey is the key of a claim.
func HostVolumeClaimKey(id string) Key { return Key{Kind: KindHostVolumeClaim, ID: id} }

// Key implements Object.
func (c *HostVolumeClaim) Key() Key {
	if c == nil {
		return Key{Kind: KindHostVolumeClaim}
	}
	return HostVolumeClaimKey(c.ID)
}
