package allocation

import (
	"time"

	"github.com/droverhq/drover/api"
)

// settling is how long a node has to be back before what it runs counts as known
// again: its agent says at once what became of it meanwhile, and nothing should be
// decided by what was last heard.
const settling = time.Second

// absent reports whether the node is out of contact, or was removed. A node that nobody
// has judged yet is not.
func (s situation) absent() bool {
	switch {
	case s.node == nil:
		return true
	case s.health == nil:
		return false
	}
	return s.health.Status == api.NodeDown || s.health.Status == api.NodeDisconnected
}

// mayComeBack reports whether an allocation whose node is absent is waited for. One
// that its agent has never spoken of most likely never began.
func (s situation) mayComeBack() bool {
	if s.node == nil || !s.alloc.WantsRun() || (s.status == nil && s.group.StopOnClientAfter() == 0) {
		return false
	}
	_, ok := s.group.UnknownFor()
	return ok
}

// unknown judges an allocation that is waited for: it is known again some time after
// its node came back, or when it ended; and lost when it is not waited for any more.
func (s situation) unknown(now time.Time) (next *api.Allocation, again time.Duration) {
	switch patience, _ := s.group.UnknownFor(); {
	case s.status.Terminal():
		return s.marked("", now), 0
	case !s.absent():
		if s.health != nil {
			again = time.Unix(0, s.health.UpdatedAt).Add(settling).Sub(now)
		}
		if again > 0 {
			return nil, again
		}
		return s.marked("", now), 0
	case !s.mayComeBack():
		return s.lost(now), 0
	case patience > 0:
		if again = time.Unix(0, s.alloc.UnknownSince).Add(patience).Sub(now); again <= 0 {
			return s.lost(now), 0
		}
		return nil, again
	}
	return nil, 0
}

// lost returns the allocation as one that is not waited for.
func (s situation) lost(now time.Time) *api.Allocation {
	next := s.marked(api.AllocClientLost, now)
	if next.WantsRun() {
		next.DesiredStatus = api.AllocDesiredStop
		next.DesiredDescription = descriptionLost
	}
	return next
}

func (s situation) marked(lost string, now time.Time) *api.Allocation {
	next := *s.alloc
	next.Lost, next.UnknownSince, next.ModifyTime = lost, 0, now.UnixNano()
	if lost == api.AllocClientUnknown {
		next.UnknownSince = now.UnixNano()
	}
	return &next
}
