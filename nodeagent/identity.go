package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// layout is where the agent keeps what, below its data directory unless told otherwise.
type layout struct{ root, allocDir, stateDir string }

func (l layout) client() string { return filepath.Join(l.root, "client") }
func (l layout) lock() string   { return filepath.Join(l.client(), "lock") }
func (l layout) nodeID() string { return filepath.Join(l.client(), "node-id") }
func (l layout) secret() string { return filepath.Join(l.client(), "secret-id") }
func (l layout) state() string  { return filepath.Join(l.stateDir, "state.db") }
func (l layout) allocs() string { return l.allocDir }

// newLayout fills in what is not told.
func newLayout(o *Options) layout {
	l := layout{o.DataDir, o.AllocDir, o.StateDir}
	setDefault(&l.allocDir, filepath.Join(l.client(), "alloc"))
	setDefault(&l.stateDir, filepath.Join(l.client(), "state"))
	return l
}

// run is where drivers keep what they need of running tasks. Paths below it are
// short: there are sockets in them, whose paths may have 107 bytes.
func (l layout) run() string { return filepath.Join(l.client(), "run") }

// networks is where the networks of allocations are written down, with the files that
// tasks see of them.
func (l layout) networks() string { return filepath.Join(l.client(), "networks") }

// allocRun is run for one allocation.
func (l layout) allocRun(allocID string) string {
	short := strings.ReplaceAll(allocID, "-", "")
	return filepath.Join(l.run(), short[:min(16, len(short))])
}

// taskRun is run for one start of a task.
func (l layout) taskRun(allocID, task string, attempt int) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(task)) // never fails
	return filepath.Join(l.allocRun(allocID), fmt.Sprintf("%08x.%d", h.Sum32(), attempt))
}

// make makes the directories. Tasks of all users must be able to pass through those
// that lead to their own. A directory of the operator's that is there keeps its mode.
func (l layout) make() error {
	for dir, mode := range map[string]os.FileMode{
		l.client():              0o711,
		filepath.Dir(l.state()): 0o700,
		l.allocs():              0o711,
		l.run():                 0o700,
		l.networks():            0o711,
	} {
		if _, err := os.Stat(dir); err == nil && !within(dir, l.client()) {
			continue
		}
		if err := os.MkdirAll(dir, mode); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
	}
	return nil
}

func within(dir, parent string) bool {
	inside, err := filepath.Rel(parent, dir)
	return err == nil && filepath.IsLocal(inside)
}

const (
	// lockPatience is how long the lock of a data directory is waited for. When an
	// agent is killed while it starts a task, the child that is not a program of its
	// own yet still holds its lock for a moment.
	lockPatience = 2 * time.Second
	lockRetry    = 10 * time.Millisecond
)

// lockFile takes a lock that ends with the process, however that ends.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		locked, err := tryLock(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock data directory: %w", err), f.Close())
		}
		if locked {
			return f, nil
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			err = fmt.Errorf("another node agent uses the data directory %s: stop it first, or give this one a directory of its own", filepath.Dir(filepath.Dir(path)))
			return nil, errors.Join(err, f.Close())
		}
	}
}

// persistentID reads the UUID in a file, or makes one and puts it there.
func persistentID(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(b))
		if err := uuid.Validate(id); err != nil {
			return "", fmt.Errorf("%s does not hold an ID: %w; remove it to register as a new node", path, err)
		}
		return id, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := uuid.NewString()
	return id, writeDurably(path, []byte(id+"\n"))
}

// writeDurably writes a file as a whole or not at all, whatever happens meanwhile.
func writeDurably(path string, content []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
