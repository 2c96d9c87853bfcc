// Package allocdir knows where an allocation's files are:
//
//	ROOT/ALLOCID/alloc/{data,logs,tmp}     shared by its tasks
//	ROOT/ALLOCID/TASK/{local,secrets,tmp}  a task's own
//
// and makes and removes these directories. Jobs and the HTTP API rely on the names.
//
//	d := allocdir.New(root, allocID)
//	err := d.Build()
//	err = d.BuildTask("web", "")
package allocdir

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Names of the directories.
const (
	SharedDir  = "alloc"
	DataDir    = "data"
	LogsDir    = "logs"
	TmpDir     = "tmp"
	LocalDir   = "local"
	SecretsDir = "secrets"
)

// Dir is the directory of one allocation.
type Dir struct{ Root string }

// New returns the directory of an allocation below root.
func New(root, allocID string) Dir { return Dir{filepath.Join(root, allocID)} }

// Shared is what the tasks share: NOMAD_ALLOC_DIR.
func (d Dir) Shared() string { return filepath.Join(d.Root, SharedDir) }

// Logs is where the tasks' output goes.
func (d Dir) Logs() string { return filepath.Join(d.Root, SharedDir, LogsDir) }

// Task is a task's own directory.
func (d Dir) Task(name string) string { return filepath.Join(d.Root, name) }

// Local is NOMAD_TASK_DIR.
func (d Dir) Local(task string) string { return filepath.Join(d.Root, task, LocalDir) }

// Secrets is NOMAD_SECRETS_DIR, in memory where that can be (see ProbeSecrets). Nobody but the task's user may read it, and the HTTP
// API does not show it.
func (d Dir) Secrets(task string) string { return filepath.Join(d.Root, task, SecretsDir) }

// What tasks share is open to all: they may run as different users.
const (
	modeOpen    = 0o777
	modeSticky  = 0o777 | os.ModeSticky
	modePrivate = 0o700
	modeRoot    = 0o755
)

// Build makes what the tasks share. What is there already stays.
func (d Dir) Build() error {
	if err := mkdir(d.Root, modeRoot); err != nil {
		return fmt.Errorf("make allocation directory: %w", err)
	}
	for _, dir := range []string{d.Shared(), filepath.Join(d.Shared(), DataDir), d.Logs(), filepath.Join(d.Shared(), TmpDir)} {
		if err := mkdir(dir, modeOpen); err != nil {
			return fmt.Errorf("make allocation directory: %w", err)
		}
	}
	return nil
}

// BuildTask makes a task's own directory. Its secrets belong to the user that it
// runs as, who may be empty.
func (d Dir) BuildTask(task, owner string) error {
	if task == SharedDir || task == "" || task == "." || !filepath.IsLocal(task) || filepath.Base(task) != task {
		return fmt.Errorf("make directory of task %q: the name can't be that of a directory", task)
	}
	err := errors.Join(
		mkdir(d.Task(task), modeOpen),
		mkdir(d.Local(task), modeOpen),
		mkdir(filepath.Join(d.Task(task), TmpDir), modeSticky),
		mkdir(d.Secrets(task), modePrivate),
	)
	if err == nil && owner != "" {
		err = give(d.Secrets(task), owner)
	}
	if err != nil {
		return fmt.Errorf("make directory of task %s: %w", task, err)
	}
	return nil
}

// mkdir makes a directory with exactly that mode, whatever the umask.
func mkdir(path string, mode os.FileMode) error {
	err := os.Mkdir(path, mode.Perm())
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return chmod(path, mode)
}

// give makes a user the owner of a directory.
func give(path, owner string) error {
	if os.Geteuid() != 0 {
		return nil // it can't be given away, nor can tasks run as somebody else
	}
	uid, gid, err := Owner(owner)
	if err != nil {
		return err
	}
	return chown(path, uid, gid)
}

// Owner returns the IDs of a user of this machine, by name or ID.
func Owner(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if _, isID := strconv.Atoi(name); err != nil && isID == nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// Remove removes the allocation's directory with everything in it.
func (d Dir) Remove() error {
	if err := errors.Join(d.UnmountSecrets(), os.RemoveAll(d.Root)); err != nil {
		return fmt.Errorf("remove allocation directory: %w", err)
	}
	return nil
}
