package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// AllocIDs returns the IDs of all allocations of some jobs, each of which has some.
func (a *Agent) AllocIDs(jobs ...string) map[string]bool {
	a.t.Helper()
	ids := map[string]bool{}
	for _, job := range jobs {
		allocs := a.Allocs(a.t.Context(), job)
		if len(allocs) == 0 {
			a.t.Errorf("%s has no allocation", job)
		}
		for _, al := range allocs {
			ids[al.ID] = true
		}
	}
	return ids
}

const idLength = 36 // of an allocation

// Left lists what there is on the machine of allocations: mounts, control groups and
// directories.
func (a *Agent) Left(ids map[string]bool) []string {
	a.t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		a.t.Fatal(err)
	}
	var left []string
	for line := range strings.Lines(string(mounts)) {
		if place := strings.Fields(line)[4]; strings.HasPrefix(place, a.Dir+"/") {
			left = append(left, "mount "+place)
		}
	}
	for _, root := range []string{"/sys/fs/cgroup", filepath.Join(a.Dir, "data")} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			if err != nil || !e.IsDir() {
				return err
			}
			if name := e.Name(); len(name) >= idLength && ids[name[:idLength]] { // what is of a task begins with it as well
				left = append(left, "directory "+path)
			}
			return nil
		})
		if err != nil {
			a.t.Fatal(err)
		}
	}
	return left
}
