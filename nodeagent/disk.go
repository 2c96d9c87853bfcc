package nodeagent

import (
	"context"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/disk"
)

// DiskOptions says how allocations are held to their ephemeral_disk. What the files of one
// take is found by going through them: the kernel counts it only on file systems with
// project quotas.
type DiskOptions struct {
	// Unbound lets allocations take what they like.
	Unbound bool
	// Interval is the longest time between two looks at an allocation of few files.
	// Default 10 s.
	Interval time.Duration
}

const (
	// diskTick is how often the agent asks whether an allocation may have outgrown its disk,
	// which costs one system call.
	diskTick = time.Second
	// diskShare is the part of its time in which the agent looks at one allocation: that of
	// a million files, which takes 3 s, is looked at every 2.5 minutes.
	diskShare = 50
	// diskPause is how many times as long as the last look the agent rests before the
	// next one, at another allocation; diskRest bounds it.
	diskPause = 10
	diskRest  = time.Second
)

// look is what was found when an allocation was looked at.
type look struct {
	at   time.Time
	cost time.Duration
	left int64 // bytes that the allocation might still take
	used int64 // bytes that were used of the file system
}

// due reports whether to look again. An allocation can't have taken what it had left
// before as much more of the file system is used, but for what was removed meanwhile.
func (l look) due(now time.Time, used int64, every time.Duration) bool {
	since := now.Sub(l.at)
	return since >= diskShare*l.cost && (since >= every || used-l.used >= l.left)
}

// watchDisks ends allocations whose files take more than they may.
func (a *Agent) watchDisks(ctx context.Context) {
	if a.dirs.root == "" || a.opts.Disk.Unbound {
		return
	}
	ticker := time.NewTicker(diskTick)
	defer ticker.Stop()
	looks := map[string]look{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			looks = a.lookAtDisks(looks)
		}
	}
}

// lookAtDisks looks at the allocations that are due, and returns what is known of all.
func (a *Agent) lookAtDisks(known map[string]look) map[string]look {
	looks := map[string]look{}
	used := int64(-1)
	for _, r := range a.worker.all() {
		limit := r.diskLimit()
		if limit == 0 {
			continue
		}
		if used < 0 {
			used = a.diskUsed()
		}
		last, begin := known[r.id], time.Now()
		if looks[r.id] = last; !last.due(begin, used, a.opts.Disk.Interval) {
			continue
		}
		took, err := r.diskTaken()
		cost := time.Since(begin)
		looks[r.id] = look{at: begin, cost: cost, left: limit - took, used: used}
		switch {
		case err != nil:
			r.log.Error(err, "can't tell how much of the disk the allocation takes")
		case took > limit:
			r.log.Info("ending the allocation: it takes too much of the disk", "bytes", took, "limit", limit)
			r.post(alloc.Overfull{Used: took, Limit: limit})
		}
		if !a.pause(min(diskPause*cost, diskRest)) {
			break
		}
	}
	return looks
}

// diskUsed returns how many bytes of the file system of the allocations are used.
func (a *Agent) diskUsed() int64 {
	usage, err := disk.Of(a.dirs.allocs())
	if err != nil {
		return 0
	}
	return int64(usage.Used)
}

// diskTaken is how many bytes the allocation's files take, without what its logs may take:
// they are bounded by themselves, and no reason to end what only says much.
func (r *runner) diskTaken() (int64, error) {
	took, err := r.dir.Usage()
	if err != nil {
		return 0, err
	}
	logs, err := r.dir.LogUsage()
	if err != nil {
		return took, nil // a task has put something else in their place, and that counts
	}
	al, job := r.object()
	allowed := int64(0)
	for _, t := range job.Group(al.TaskGroup).Tasks {
		for _, stream := range []string{"stdout", "stderr"} {
			if f := r.logFile(t, stream); !f.Disabled {
				allowed += int64(f.MaxFiles) * f.MaxBytes
			}
		}
	}
	return took - min(logs, allowed), nil
}

// diskLimit is how many bytes the allocation's files may take; 0: it does not matter now.
func (r *runner) diskLimit() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.job.Group(r.desired.TaskGroup)
	if g == nil || g.EphemeralDisk == nil || !r.life.Limited() {
		return 0
	}
	return int64(api.Deref(g.EphemeralDisk.SizeMB)) << 20
}
