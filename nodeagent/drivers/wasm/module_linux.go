package wasm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
)

// openModule opens a module by its path in the task's root, which does not exist yet.
// The task's directory may have links made by earlier runs of the task: they lead to
// where they would lead inside of the directory.
func openModule(task driver.Task, path string) (*os.File, error) {
	base, inside := placeOnNode(task, path)
	dir, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", path, err)
	}
	fd, err := unix.Openat2(dir, inside, &unix.OpenHow{
		// A pipe in its place must not keep the node agent waiting.
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err := errors.Join(err, unix.Close(dir)); err != nil {
		return nil, fmt.Errorf("module %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("module %s: not a file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// placeOnNode returns in which directory of the node a path of the task's root is, and
// where in it: the last mount that the path is below decides.
func placeOnNode(task driver.Task, path string) (base, inside string) {
	base, inside = task.Dir, path
	seen := append([]driver.Mount{
		{Source: task.AllocDir, Target: driver.RootedAllocDir},
		{Source: task.SecretsDir, Target: driver.RootedSecretsDir},
	}, task.Mounts...)
	for _, m := range seen {
		if rest, in := strings.CutPrefix(path, filepath.Clean(m.Target)+"/"); in && m.Source != "" {
			base, inside = m.Source, rest
		}
	}
	return base, inside
}
