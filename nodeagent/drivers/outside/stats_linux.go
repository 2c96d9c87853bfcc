package outside

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// Stats returns what the program measures of the task. It measures shares of CPU: the
// time is that of the processes that it names.
func (d *Driver) Stats(ctx context.Context, h driver.Handle) (driver.Stats, error) {
	var stats *wire.TaskStats
	err := d.with(ctx, h, func(ctx context.Context, r *running) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := r.driver.TaskStats(ctx, &wire.TaskStatsRequest{TaskId: h.TaskID, CollectionInterval: durationpb.New(time.Second)})
		if err != nil {
			return err
		}
		answer, err := stream.Recv()
		stats = answer.GetStats()
		return err
	})
	if err != nil {
		return driver.Stats{}, fmt.Errorf("stats of task %s: %w", h.TaskID, err)
	}
	out := driver.Stats{
		MemoryRSS: stats.GetAggResourceUsage().GetMemory().GetRss(), PIDs: len(stats.GetResourceUsageByPid()), MeasuredAt: time.Now(),
	}
	if out.MemoryRSS == 0 {
		out.MemoryRSS = stats.GetAggResourceUsage().GetMemory().GetUsage()
	}
	for pid := range stats.GetResourceUsageByPid() {
		user, system := times(pid)
		out.CPUUser, out.CPUSystem = out.CPUUser+user, out.CPUSystem+system
	}
	out.CPUTime = out.CPUUser + out.CPUSystem
	return out, nil
}

// times returns what CPU time a process has used, with that of its ended children; none
// if it has ended.
func times(pid string) (user, system time.Duration) {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0
	}
	// The name, in parentheses, may have anything in it.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	const userField, systemField, ofChildren, tick = 11, 12, 2, 10 * time.Millisecond
	if len(fields) <= systemField+ofChildren {
		return 0, 0
	}
	sum := func(field int) time.Duration {
		own, _ := strconv.ParseInt(fields[field], 10, 64)
		children, _ := strconv.ParseInt(fields[field+ofChildren], 10, 64)
		return time.Duration(own+children) * tick
	}
	return sum(userField), sum(systemField)
}
