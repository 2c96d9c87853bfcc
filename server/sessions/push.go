package sessions

import (
	"context"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
)

// pushMax is how many allocations go into one frame: far below session.MaxFrame
// also with the jobs that they need.
const pushMax = 512

// pusher turns what is in an outbox into frames. It remembers which job versions
// the agent has, so that each is sent once in a session.
type pusher struct {
	s     *nodeSession
	jobs  map[api.Key]bool
	since uint64 // index of the last full set: older news is part of it
}

func newPusher(s *nodeSession) *pusher {
	return &pusher{s: s, jobs: map[api.Key]bool{}}
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
	d := &session.Desired{Index: snap.Index()}
	for id, parcel := range n.pending {
		if parcel.index <= p.since {
			continue
		}
		if parcel.removed {
			d.Removed = append(d.Removed, id)
			continue
		}
		p.add(d, snap, parcel.alloc)
		if len(d.Allocations) == pushMax {
			if err := p.send(ctx, d); err != nil {
				return err
			}
			d = &session.Desired{Index: snap.Index()}
		}
	}
	if len(d.Allocations)+len(d.Removed) == 0 {
		return nil
	}
	return p.send(ctx, d)
}

// pushAll sends everything that the node should have. What does not fit into the
// first frame follows as news; the agent must not stop what it has not been told of
// yet, so the first frame names the IDs of all.
func (p *pusher) pushAll(ctx context.Context, snap store.Snapshot) error {
	p.since = snap.Index()
	d := &session.Desired{Index: snap.Index(), Full: true}
	var later []*api.Allocation
	for a := range store.List[*api.Allocation](snap, store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: p.s.nodeID}) {
		st, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		switch {
		case st.Terminal():
			d.Ended = append(d.Ended, a.ID)
		case len(d.Allocations) < pushMax:
			p.add(d, snap, a)
		default:
			d.Later = append(d.Later, a.ID)
			later = append(later, a)
		}
	}
	if err := p.send(ctx, d); err != nil {
		return err
	}
	for len(later) > 0 {
		n := min(len(later), pushMax)
		d := &session.Desired{Index: snap.Index()}
		for _, a := range later[:n] {
			p.add(d, snap, a)
		}
		if err := p.send(ctx, d); err != nil {
			return err
		}
		later = later[n:]
	}
	return nil
}

// add adds an allocation, with its job unless the agent has it. The job of an
// allocation that should stop may be gone; the agent has it from before.
func (p *pusher) add(d *session.Desired, snap store.Snapshot, a *api.Allocation) {
	d.Allocations = append(d.Allocations, a)
	key := api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
	if p.jobs[key] {
		return
	}
	if v, ok := store.Get[*api.JobVersion](snap, key); ok {
		p.jobs[key] = true
		d.Jobs = append(d.Jobs, v.Job)
	}
}

func (p *pusher) send(ctx context.Context, d *session.Desired) error {
	return p.s.conn.Send(ctx, &session.Frame{Desired: d})
}
