package wasm

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/drivers/wasm/runner"
)

// cache keeps what modules are translated to, each in a directory of its own, which is
// named by the module and is all of the cache that a task of the module sees. Tasks
// can't write it: what is in it is machine code of other tasks.
type cache struct {
	dir     string
	program string // of package runner
}

// maxPrepared is how many modules are kept; those that were not used for longest go.
const maxPrepared = 64

// unfinished begins the names of directories of preparations under way.
const unfinished = "new-"

// prepare returns the directory of a module, in which what it was translated to is.
func (c *cache) prepare(module *os.File) (string, error) {
	hash := sha256.New()
	hash.Write([]byte(version() + "\n"))
	if _, err := io.Copy(hash, module); err != nil {
		return "", err
	}
	dir := filepath.Join(c.dir, hex.EncodeToString(hash.Sum(nil)))
	lock, err := c.lock()
	if err != nil {
		return "", err
	}
	defer lock.Close()
	now := time.Now()
	if err := os.Chtimes(dir, now, now); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	if err := c.tidy(); err != nil {
		return "", err
	}
	made, err := os.MkdirTemp(c.dir, unfinished)
	if err != nil {
		return "", err
	}
	if err := c.translate(module, made); err != nil {
		return "", errors.Join(err, os.RemoveAll(made))
	}
	return dir, os.Rename(made, dir)
}

// translate runs a process that does the work: what a module makes it take must not be
// at the agent's cost.
func (c *cache) translate(module *os.File, dir string) error {
	if _, err := module.Seek(0, io.SeekStart); err != nil {
		return err
	}
	runtime.LockOSThread() // the process ends with the thread that has started it
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	cmd := exec.Command(c.program, "prepare", dir)
	cmd.Args[0] = runner.Name
	cmd.Stdin, cmd.Stderr, cmd.Env = module, &said, []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return errors.New(cmp.Or(firstLine(said.String()), fmt.Sprintf("it can't be prepared: %v", err)))
	}
	// Users that tasks run as may read it.
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// lock opens the cache, when nobody else has it open so: one module is prepared at a
// time.
func (c *cache) lock() (*os.File, error) {
	if err := os.MkdirAll(c.dir, 0o711); err != nil {
		return nil, err
	}
	f, err := os.Open(c.dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tidy removes what is too much in the cache for another module.
func (c *cache) tidy() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(e.Name(), unfinished) { // else an agent was killed amid it
			used[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return used[y.Name()].Compare(used[x.Name()]) })
	for i, e := range entries {
		if i+1 >= maxPrepared || used[e.Name()].IsZero() {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir, e.Name())))
		}
	}
	return err
}

// version is that of the library that modules are run by.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/tetratelabs/wazero" {
				return dep.Version
			}
		}
	}
	return "unknown"
}
