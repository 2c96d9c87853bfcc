package nodeagent

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"
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

func (a *Agent) collect(now time.Time) {
	list := a.endedAllocs()
	over := 0
	for ; over < len(list); over++ {
		if e := list[over]; !overLimits(list[over:], a.opts.GC, now) &&
			(now.Sub(e.at) <= spareRecent || a.diskUsage() <= a.opts.GC.DiskUsage) {
			break
		}
		if !list[over].r.bury() {
			return
		}
	}
	if over > 0 {
		a.log.Info("removed files of ended allocations", "count", over, "kept", len(list)-over)
	}
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

// overLimits reports whether there are too many, or the first of them is too old.
func overLimits(list []endedAlloc, o GCOptions, now time.Time) bool {
	return len(list) > o.MaxAllocs || now.Sub(list[0].at) > o.MaxAge
}

// diskUsage returns how full the file system of the data directory is, in percent.
func (a *Agent) diskUsage() float64 {
	var st unix.Statfs_t
	if err := unix.Statfs(a.dirs.allocs(), &st); err != nil || st.Blocks == 0 {
		return 0
	}
	used := st.Blocks - st.Bfree
	return 100 * float64(used) / float64(used+st.Bavail) // as df says
}
