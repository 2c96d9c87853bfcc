package held

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// defaultPath is searched when neither the task nor the node agent has a PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// SpecOf says of what the shim is to run what is the same for all drivers: the
// environment, the user, who must not be denied, the outputs and the cores. The rest is
// the driver's.
func SpecOf(task driver.Task, denied Denied) (*shim.Spec, error) {
	rights, err := lookupUser(task.User)
	if err != nil {
		return nil, err
	}
	if err := denied.check(rights); err != nil {
		return nil, err
	}
	return &shim.Spec{
		Env:    environ(task.Env),
		User:   rights,
		Stdout: output(task.Stdout),
		Stderr: output(task.Stderr),
		Cores:  task.Resources.Cpu.ReservedCores,
	}, nil
}

func output(f driver.LogFile) shim.Output { return shim.Output(f) }

func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// FindCommand finds the program: a path as it is (a relative one from the working
// directory), a name in the task's local directory, then in the task's PATH, which by
// default is the node agent's.
func FindCommand(command, dir string, task driver.Task) (string, error) {
	if strings.ContainsRune(command, '/') {
		path := command
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if err := shim.CheckProgram(path); err != nil {
			return "", fmt.Errorf("command %q: %w", command, err)
		}
		return path, nil
	}
	path := task.Env["PATH"]
	if path == "" {
		path = os.Getenv("PATH")
	}
	if path == "" {
		path = defaultPath
	}
	places := append([]string{filepath.Join(task.Dir, "local"), task.Dir}, filepath.SplitList(path)...)
	for _, place := range places {
		if !filepath.IsAbs(place) {
			continue
		}
		if found := filepath.Join(place, command); shim.CheckProgram(found) == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("command %q: %w: not in the task's directory and not in PATH %s", command, exec.ErrNotFound, path)
}

// lookupUser returns the rights of a user; nil when they are those of this process.
func lookupUser(name string) (*shim.User, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if _, isID := strconv.Atoi(name); err != nil && isID == nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	if int(uid) == os.Geteuid() {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("user %q: %w: only a node agent that runs as root can run tasks as somebody else", name, os.ErrPermission)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	groups, err := groupsOf(u)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	return &shim.User{UID: uint32(uid), GID: uint32(gid), Groups: groups}, nil
}

func groupsOf(u *user.User) ([]uint32, error) {
	ids, err := u.GroupIds()
	groups := make([]uint32, 0, len(ids))
	for _, id := range ids {
		gid, parseErr := strconv.ParseUint(id, 10, 32)
		err = errors.Join(err, parseErr)
		groups = append(groups, uint32(gid))
	}
	return groups, err
}
