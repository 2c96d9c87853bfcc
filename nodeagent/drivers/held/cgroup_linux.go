package held

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
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
	for _, root := range cgroupRoots {
		var fs unix.Statfs_t
		if err := unix.Statfs(root, &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		dir := filepath.Join(root, filepath.Join("/", name))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("make the control group of tasks: %w", err)
		}
		return dir, nil
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
