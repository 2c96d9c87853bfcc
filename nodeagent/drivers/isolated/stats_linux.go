package isolated

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Stats reads what the task's control groups count.
func (d *Driver) Stats(ctx context.Context, h driver.Handle) (driver.Stats, error) {
	spec, err := d.Running(ctx, h)
	if err != nil {
		return driver.Stats{}, fmt.Errorf("measure task %s: %w", h.TaskID, err)
	}
	s := driver.Stats{MeasuredAt: time.Now()}
	for _, g := range append([]shim.Group{{Path: spec.Cgroup}}, spec.Groups...) {
		readGroup(&s, g.Path)
	}
	if s.PIDs == 0 {
		return driver.Stats{}, fmt.Errorf("measure task %s: the task has ended", h.TaskID)
	}
	s.CPUTime = s.CPUUser + s.CPUSystem
	return s, nil
}

// tick is the unit of CPU times in groups of version 1: USER_HZ.
const tick = 10 * time.Millisecond

// readGroup reads what a group has, whichever version and controllers.
func readGroup(s *driver.Stats, dir string) {
	if n := countProcesses(dir); n > s.PIDs {
		s.PIDs = n
	}
	if use, there := counters(filepath.Join(dir, "cpu.stat")); there && use["user_usec"] > 0 {
		s.CPUUser = time.Duration(use["user_usec"]) * time.Microsecond
		s.CPUSystem = time.Duration(use["system_usec"]) * time.Microsecond
	}
	if use, there := counters(filepath.Join(dir, "cpuacct.stat")); there {
		s.CPUUser, s.CPUSystem = time.Duration(use["user"])*tick, time.Duration(use["system"])*tick
	}
	if use, there := counters(filepath.Join(dir, "memory.stat")); there {
		s.MemoryRSS = use["anon"] + use["total_rss"] // of version 2 and 1
	}
}

func countProcesses(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return 0 // it has just ended
	}
	return len(strings.Fields(string(b)))
}

// counters reads a file of names and numbers.
func counters(file string) (map[string]uint64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, false // the group does not have this controller
	}
	list := map[string]uint64{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			list[name] = n
		}
	}
	return list, true
}
