package sessions

import (
	"context"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
)

const (
	// pushMax is how many allocations go into one frame.
	pushMax = 512
	// pushBytes is how large a frame may be before the next one is begun. A job has
	// at most 8 MiB (jobspec.Validate), so that no frame reaches session.MaxFrame.
	pushBytes = 4 << 20
)

// pusher turns what is in an outbox into frames.
type pusher struct {
	s     *nodeSession
	since uint64 // index of the last full set: older news is part of it
	held  held
}

// held is the job versions that an agent has been told on a session, each with the
// allocation that it runs, or is about to, because of which it has not forgotten it.
type held map[api.Key]string

// heldMax bounds what a session remembers; beyond it agents are told again.
const heldMax = 1024

// has returns another allocation because of which the agent has the version that one
// should run, or nil. Should that be wrong, because the agent could not start the other
// one, say, it opens a session anew, and so gets everything.
func (h held) has(snap store.Snapshot, version api.Key, a *api.Allocation) *api.Allocation {
	id, told := h[version]
	if !told || id == a.ID {
		return nil
	}
	other, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: id})
	if !ok || !other.WantsRun() || other.JobVersion != a.JobVersion {
		return nil
	}
	status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id})
	if status.Terminal() {
		return nil
	}
	return other
}

func (h held) tell(version api.Key, a *api.Allocation) {
	if len(h) >= heldMax {
		clear(h)
	}
	h[version] = a.ID
}

func (p *pusher) push(ctx context.Context, n news) error {
	for _, seq := range n.acks {
		if err := p.s.conn.Send(ctx, &session.Frame{Ack: &session.StatusAck{Seq: seq}}); err != nil {
			return err
		}
	}
	snap := p.s.hub.store.Snapshot()
	if n.all {
		if err := p.pushAll(ctx, snap); err != nil {
			return err
		}
	}
	var changed []*api.Allocation
	var removed []string
	for id, parcel := range n.pending {
		switch {
		case parcel.index <= p.since:
		case parcel.removed:
			removed = append(removed, id)
		default:
			changed = append(changed, parcel.alloc)
		}
	}
	return p.pushChanges(ctx, snap, changed, removed)
}

// pushAll sends everything that the node should have. What does not fit into the
// first frame follows as changes; the agent must not stop what it has not been told
// of yet, so the first frame names the IDs of all.
func (p *pusher) pushAll(ctx context.Context, snap store.Snapshot) error {
	p.since = snap.Index()
	p.held = held{}
	f := p.frame(snap)
	f.desired.Full, f.desired.Reported = true, map[string]int64{}
	var later []*api.Allocation
	for a := range store.List[*api.Allocation](snap, store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: p.s.nodeID}) {
		st, ok := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		if ok {
			f.desired.Reported[a.ID] = st.ModifyTime
		}
		switch {
		case st.Terminal():
			f.desired.Ended = append(f.desired.Ended, a.ID)
		case !f.full():
			f.add(a)
		default:
			f.desired.Later = append(f.desired.Later, a.ID)
			later = append(later, a)
		}
	}
	if err := p.send(ctx, f); err != nil {
		return err
	}
	return p.pushChanges(ctx, snap, later, nil)
}

func (p *pusher) pushChanges(ctx context.Context, snap store.Snapshot, changed []*api.Allocation, removed []string) error {
	f := p.frame(snap)
	f.desired.Removed = removed
	for _, a := range changed {
		if f.full() {
			if err := p.send(ctx, f); err != nil {
				return err
			}
			f = p.frame(snap)
		}
		f.add(a)
	}
	if len(f.desired.Allocations)+len(f.desired.Removed) == 0 {
		return nil
	}
	return p.send(ctx, f)
}

func (p *pusher) send(ctx context.Context, f *frame) error {
	return p.s.conn.Send(ctx, &session.Frame{Desired: f.desired})
}

// frame is a Desired that is being filled.
type frame struct {
	snap    store.Snapshot
	held    held
	desired *session.Desired
	size    int // bytes, about
	// sure is an allocation because of which the agent has its job version, or will with
	// this frame: what is pushed at once is often of one job.
	sure *api.Allocation
}

func (p *pusher) frame(snap store.Snapshot) *frame {
	return &frame{snap: snap, held: p.held, desired: &session.Desired{Index: snap.Index()}}
}

func (f *frame) full() bool { return len(f.desired.Allocations) >= pushMax || f.size >= pushBytes }

// add adds an allocation, and the job version that it should run unless the frame or the
// agent has it. (Agents forget versions that nothing of theirs runs; who stops needs
// none.)
func (f *frame) add(a *api.Allocation) {
	told := *a
	told.Placement = nil // of no use to the agent, and a large part of it
	f.desired.Allocations = append(f.desired.Allocations, &told)
	f.size += told.Msgsize()
	if !a.WantsRun() {
		return
	}
	if s := f.sure; s != nil && s.ID != a.ID && s.JobID == a.JobID && s.JobVersion == a.JobVersion && s.Namespace == a.Namespace {
		return
	}
	version := api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
	if f.sure = f.held.has(f.snap, version, a); f.sure != nil {
		return
	}
	v, ok := store.Get[*api.JobVersion](f.snap, version)
	if !ok {
		return
	}
	f.held.tell(version, a)
	f.sure = a
	if !slices.Contains(f.desired.Jobs, v.Job) {
		f.desired.Jobs = append(f.desired.Jobs, v.Job)
		f.size += v.Job.Msgsize()
	}
}
