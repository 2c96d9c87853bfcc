package nodeagent

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/disk"
)

// spareRecent keeps the files of what has just ended, however full the disk is:
// somebody is about to look at them.
const spareRecent = 10 * time.Minute

// endedAlloc is an ended allocation whose files are there.
type endedAlloc struct {
	r  *runner
	at time.Time
}

// collectGarbage removes files of ended allocations that are over the limits.
func (a *Agent) collectGarbage(ctx context.Context) {
	if a.dirs.root == "" {
		return
	}
	ticker := time.NewTicker(a.opts.GC.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.collect(time.Now())
		}
	}
}

// collect removes what is over the limits, and then, the oldest first, what it takes to
// have room on the disk.
func (a *Agent) collect(now time.Time) {
	a.collecting.Lock()
	defer a.collecting.Unlock()
	list := a.endedAllocs()
	over := overLimits(list, a.opts.GC, now)
	removed := a.bury(list[:over])
	spared := now.Add(-spareRecent)
	for rest := list[over:]; len(rest) > 0; {
		next := olderThan(rest[:min(len(rest), a.opts.GC.Parallel)], spared)
		if len(next) == 0 || !a.isFull() || a.ctx.Err() != nil {
			break
		}
		removed += a.bury(next)
		rest = rest[len(next):]
	}
	if removed > 0 {
		a.log.Info("removed files of ended allocations", "count", removed, "kept", len(list)-removed)
	}
}

// collectAll removes the files of all ended allocations.
func (a *Agent) collectAll() {
	a.collecting.Lock()
	defer a.collecting.Unlock()
	a.bury(a.endedAllocs())
}

// collectOne removes the files of an ended allocation.
func (a *Agent) collectOne(id string) error {
	a.collecting.Lock()
	defer a.collecting.Unlock()
	r := a.worker.find(id)
	if r == nil {
		return fmt.Errorf("allocation %s on this node: %w", id, api.ErrNotFound)
	}
	if _, ok := r.settledAt(); !ok || a.reporter.has(id) {
		invalid := &api.InvalidError{What: "allocation " + id}
		invalid.Add("", "its files are needed: it has not ended, or the servers do not know so yet")
		return invalid
	}
	r.bury()
	return nil
}

// bury removes files of ended allocations, several at a time, and returns of how many.
// Of the others, the agent ended first. The caller holds collecting.
func (a *Agent) bury(list []endedAlloc) int {
	var removed atomic.Int64
	var group errgroup.Group
	group.SetLimit(a.opts.GC.Parallel)
	for _, e := range list {
		group.Go(func() error {
			if e.r.bury() {
				removed.Add(1)
			}
			return nil
		})
	}
	_ = group.Wait() // nothing above errs
	return int(removed.Load())
}

// endedAllocs lists ended allocations of which the servers know all, the oldest first.
func (a *Agent) endedAllocs() []endedAlloc {
	var list []endedAlloc
	for _, r := range a.worker.all() {
		if at, ok := r.settledAt(); ok && !a.reporter.has(r.id) {
			list = append(list, endedAlloc{r, at})
		}
	}
	slices.SortFunc(list, func(x, y endedAlloc) int { return x.at.Compare(y.at) })
	return list
}

// overLimits returns how many, from the first, are too many or too old.
func overLimits(list []endedAlloc, o GCOptions, now time.Time) int {
	over := max(0, len(list)-o.MaxAllocs)
	for over < len(list) && now.Sub(list[over].at) > o.MaxAge {
		over++
	}
	return over
}

// olderThan returns those, from the first, that had ended at a time.
func olderThan(list []endedAlloc, at time.Time) []endedAlloc {
	n := 0
	for n < len(list) && list[n].at.Before(at) {
		n++
	}
	return list[:n]
}

// isFull reports whether the file system of the allocations is so full that files of
// ended ones are to go.
func (a *Agent) isFull() bool {
	u, err := disk.Of(a.dirs.allocs())
	return err == nil && (u.UsedPercent() > a.opts.GC.DiskUsage || u.InodesUsedPercent() > a.opts.GC.InodeUsage)
}

// serveCollect removes the files of all ended allocations.
func (a *Agent) serveCollect(*http.Request) (any, error) {
	a.collectAll()
	return nil, nil
}

// serveCollectOne removes the files of one that has ended.
func (a *Agent) serveCollectOne(r *http.Request) (any, error) {
	return nil, a.collectOne(r.PathValue("id"))
}
