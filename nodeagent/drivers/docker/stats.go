package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
)

// Stats asks the engine what the task uses now.
func (d *Driver) Stats(ctx context.Context, h driver.Handle) (driver.Stats, error) {
	none := driver.Stats{}
	id, err := containerOf(h)
	if err != nil {
		return none, err
	}
	if err := d.usable(); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	answer, err := d.engine.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return none, fmt.Errorf("ask the engine what container %s uses: %w", id, err)
	}
	defer answer.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return none, fmt.Errorf("what container %s uses: %w", id, err)
	}
	if s.PidsStats.Current == 0 && s.CPUStats.CPUUsage.TotalUsage == 0 { // so the engine says that it has ended
		return none, errors.New("the task has ended")
	}
	return taskStats(&s), nil
}

func taskStats(s *container.StatsResponse) driver.Stats {
	usage := s.CPUStats.CPUUsage
	rss, old := s.MemoryStats.Stats["rss"] // of version 1 of control groups
	if !old {
		rss = s.MemoryStats.Stats["anon"]
	}
	return driver.Stats{
		MemoryRSS: rss, PIDs: int(s.PidsStats.Current), MeasuredAt: s.Read,
		CPUTime: time.Duration(usage.TotalUsage), CPUUser: time.Duration(usage.UsageInUsermode), CPUSystem: time.Duration(usage.UsageInKernelmode),
	}
}
