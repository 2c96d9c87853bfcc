package scheduler

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// volumeKey names a CSI volume.
type volumeKey struct {
	namespace, id string
}

// heldVolume is the claim of an allocation on a volume.
type heldVolume struct {
	key volumeKey
	use volumeUse
}

// volumeUse is how a volume is used.
type volumeUse struct {
	access, attachment string
	readOnly           bool
}

// volumes are the CSI volumes that there are, and those that allocations claim.
type volumes struct {
	facts  map[volumeKey]*api.CSIVolume
	claims map[volumeKey]*claims
	// controllers is how many nodes have a healthy controller of a plugin, by its ID.
	controllers map[string]int
}

// claims are those on one volume: how many there are of each use.
type claims struct {
	mark *mark
	uses map[volumeUse]int
}

func (v *volumes) clone() volumes {
	return volumes{facts: maps.Clone(v.facts), claims: maps.Clone(v.claims), controllers: maps.Clone(v.controllers)}
}

// SetVolume adds a CSI volume or changes what is known of it. Claims on it are kept.
func (f *Fleet) SetVolume(v *api.CSIVolume) {
	if f.volumes.facts == nil {
		f.volumes.facts = map[volumeKey]*api.CSIVolume{}
	}
	f.volumes.facts[volumeKey{v.Namespace, v.ID}] = v
}

// RemoveVolume takes a CSI volume away. Claims on it are remembered until their
// allocations are removed, in case it comes back.
func (f *Fleet) RemoveVolume(namespace, id string) {
	delete(f.volumes.facts, volumeKey{namespace, id})
}

// Claims returns the volumes that an allocation claims.
func (f *Fleet) Claims(allocID string) []api.Key {
	return keysOf(f.holding(keyOf(allocID)).volumes)
}

// MayClaim returns the volumes that an instance of a group asks for, if all of them would
// take its claims now; whether there is a node for it is left aside.
func (f *Fleet) MayClaim(job *api.Job, g *api.TaskGroup) []api.Key {
	wanted := claimsWanted(job, g)
	for _, v := range wanted {
		if f.refuses(v, nil) != "" {
			return nil
		}
	}
	return keysOf(wanted)
}

func keysOf(held []heldVolume) []api.Key {
	var keys []api.Key
	for _, v := range held {
		keys = append(keys, api.CSIVolumeKey(v.key.namespace, v.key.id))
	}
	return keys
}

// claim counts a claim on a volume, or, with -1, that it has ended.
func (v *volumes) claim(m *mark, held heldVolume, n int) {
	if v.claims == nil {
		v.claims = map[volumeKey]*claims{}
	}
	c := v.claims[held.key]
	switch {
	case c == nil:
		c = &claims{mark: m, uses: map[volumeUse]int{}}
	case c.mark != m:
		c = &claims{mark: m, uses: maps.Clone(c.uses)}
	}
	v.claims[held.key] = c
	if c.uses[held.use] += n; c.uses[held.use] == 0 {
		delete(c.uses, held.use)
	}
	if len(c.uses) == 0 {
		delete(v.claims, held.key)
	}
}

// refuses says why a volume takes no further claim of a kind, whichever node it would be
// for, or returns "". Claims that end with the transaction, on the node in question, do
// not count: there whoever comes is started when who goes has ended.
func (f *Fleet) refuses(asked heldVolume, ending []heldVolume) string {
	v := f.volumes.facts[asked.key]
	if v == nil {
		return "missing CSI Volume " + asked.key.id
	}
	if v.Deleting {
		return "CSI volume " + v.ID + " is unschedulable: it is being deregistered"
	}
	if !v.Allows(asked.use.access, asked.use.attachment) {
		return "CSI volume " + v.ID + " may not be used as " + asked.use.access + ", " + asked.use.attachment
	}
	readers, writers, others := f.users(asked, ending)
	switch {
	case others > 0:
		return "CSI volume " + v.ID + " is in use in another access or attachment mode"
	case asked.use.room(readers, writers):
		return ""
	case asked.use.readOnly:
		return "CSI volume " + v.ID + " is unschedulable or has exhausted its available reader claims"
	}
	return "CSI volume " + v.ID + " has exhausted its available writer claims"
}

// users counts the claims on a volume without those that end: in the mode that is asked
// for, and in others.
func (f *Fleet) users(asked heldVolume, ending []heldVolume) (readers, writers, others int) {
	count := func(use volumeUse, n int) {
		switch {
		case use.access != asked.use.access || use.attachment != asked.use.attachment:
			others += n
		case use.readOnly:
			readers += n
		default:
			writers += n
		}
	}
	if c := f.volumes.claims[asked.key]; c != nil {
		for use, n := range c.uses {
			count(use, n)
		}
	}
	for _, v := range ending {
		if v.key == asked.key {
			count(v.use, -1)
		}
	}
	return readers, writers, others
}

// room reports whether an access mode lets one more use a volume so, besides those that
// use it in the same mode.
func (u volumeUse) room(readers, writers int) bool {
	switch u.access {
	case api.AccessSingleNodeReader:
		return u.readOnly && readers+writers == 0
	case api.AccessSingleNodeWriter:
		return readers+writers == 0
	case api.AccessMultiNodeReader:
		return u.readOnly
	case api.AccessMultiNodeSingleWriter:
		return u.readOnly || writers == 0
	}
	return u.access == api.AccessMultiNodeMultiWriter
}

// claimsWanted returns what an instance of a group claims. A volume of which each instance
// has its own is left out as long as it is not known for which one is. Who asks for a
// volume twice claims it once.
func claimsWanted(job *api.Job, g *api.TaskGroup) []heldVolume {
	var wanted []heldVolume
	for _, name := range sortedNames(g.Volumes) {
		v := g.Volumes[name]
		if v.Type != api.VolumeCSI || v.PerAlloc {
			continue
		}
		claim := heldVolume{
			key: volumeKey{api.Deref(job.Namespace), v.Source},
			use: volumeUse{v.AccessMode, v.AttachmentMode, v.ReadOnly},
		}
		same := slices.IndexFunc(wanted, func(other heldVolume) bool { return other.key == claim.key })
		if same < 0 {
			wanted = append(wanted, claim)
			continue
		}
		wanted[same].use.readOnly = wanted[same].use.readOnly && claim.use.readOnly
	}
	return wanted
}

// heldBy returns what an allocation of a namespace claims.
func heldBy(namespace string, claims []api.VolumeClaim) []heldVolume {
	if len(claims) == 0 {
		return nil
	}
	held := make([]heldVolume, len(claims))
	for i, c := range claims {
		held[i] = heldVolume{volumeKey{namespace, c.Volume}, volumeUse{c.AccessMode, c.AttachmentMode, c.ReadOnly}}
	}
	return held
}

// refused says which volume takes no claim of a further instance on a candidate's node.
func (p *placing) refused(c *candidate) string {
	if len(p.request.volumes) == 0 {
		return ""
	}
	var ending []heldVolume
	if freed := p.freed.nodes[c.slot]; freed != nil {
		ending = freed.holding.volumes
	}
	for _, v := range p.request.volumes {
		if why := p.fleet.refuses(v, ending); why != "" {
			return why
		}
	}
	return p.fleet.full(p.fleet.nodes[c.slot], p.request.volumes, ending)
}

// claimed is what the instances of an ask claim of CSI volumes.
type claimed struct {
	claims  []api.VolumeClaim
	volumes []*api.CSIVolume
}

func (f *Fleet) claimed(job *api.Job, g *api.TaskGroup) *claimed {
	wanted := claimsWanted(job, g)
	if len(wanted) == 0 {
		return nil
	}
	c := &claimed{}
	for _, v := range wanted {
		c.claims = append(c.claims, api.VolumeClaim{
			Volume: v.key.id, AccessMode: v.use.access, AttachmentMode: v.use.attachment, ReadOnly: v.use.readOnly,
		})
		c.volumes = append(c.volumes, f.volumes.facts[v.key])
	}
	return c
}

// Claims returns what the instance claims of CSI volumes. It is shared with other
// placements and must not be written.
func (p *Placement) Claims() []api.VolumeClaim {
	if p.claimed == nil {
		return nil
	}
	return p.claimed.claims
}

// Volumes returns the CSI volumes that it claims as the fleet knew them: the placement is
// good as long as they stay so.
func (p *Placement) Volumes() []*api.CSIVolume {
	if p.claimed == nil {
		return nil
	}
	return p.claimed.volumes
}
