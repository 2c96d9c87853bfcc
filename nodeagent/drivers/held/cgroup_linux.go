package held

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoots are where cgroup2 file systems are mounted: alone, and beside version 1.
var cgroupRoots = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}

// DefaultCgroup is the control group below which those of the tasks are made.
const DefaultCgroup = "drover.slice"

// MakeCgroupParent makes the control group that holds those of the tasks, below the
// root of the cgroup2 file system, and returns its directory.
func MakeCgroupParent(name string) (string, error) {
	root, err := UnifiedRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, filepath.Join("/", name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the control group of tasks: %w", err)
	}
	return dir, nil
}

// UnifiedRoot returns where the cgroup2 file system is mounted.
func UnifiedRoot() (string, error) {
	for _, root := range cgroupRoots {
		var fs unix.Statfs_t
		if err := unix.Statfs(root, &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return root, nil
		}
	}
	return "", errors.New("no cgroup2 file system is mounted")
}

// CgroupName makes a file name of a task ID. Where that loses something, a hash keeps
// names apart.
func CgroupName(taskID string) string {
	const most = 200 // bytes, of the 255 of a file name
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == '/':
			return '.'
		default:
			return '_'
		}
	}, taskID)
	name = name[:min(len(name), most)]
	if strings.ReplaceAll(name, ".", "/") == taskID {
		return name
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(taskID)) // never fails
	return name + "-" + strconv.FormatUint(h.Sum64(), 16)
}

// Legacy is a hierarchy of control groups of version 1.
type Legacy struct {
	Dir         string // where it is mounted
	Controllers []string
}

// LegacyHierarchies returns the hierarchies of version 1 that are mounted.
func LegacyHierarchies() ([]Legacy, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var list []Legacy
	for line := range strings.Lines(string(mounts)) {
		const dir, kind, options = 1, 2, 3
		f := strings.Fields(line)
		if len(f) <= options || f[kind] != "cgroup" {
			continue
		}
		if !slices.ContainsFunc(list, func(l Legacy) bool { return l.Dir == f[dir] }) {
			list = append(list, Legacy{f[dir], strings.Split(f[options], ",")})
		}
	}
	return list, nil
}
