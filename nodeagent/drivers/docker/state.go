package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/droverhq/drover/nodeagent/driver"
)

// What is in a task's state directory. The container itself says all the rest.
const (
	taskFile    = "task"    // taskRecord, from before the container is made
	startedFile = "started" // startedRecord
	logsFile    = "logs"    // how far its output has been taken; see position
)

// taskRecord is what is known before the start.
type taskRecord struct {
	Stdout, Stderr driver.LogFile
}

// startedRecord is what the engine forgets when a container has ended.
type startedRecord struct {
	Container string
	PID       int
	At        time.Time
}

func writeRecord(dir, name string, record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func readRecord(dir, name string, into any) error {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// handleVersion is the form of Handle.State: the container's ID.
const handleVersion = 1

func containerOf(h driver.Handle) (string, error) {
	id := string(h.State)
	if h.Driver != Name || h.Version != handleVersion || id == "" {
		return "", fmt.Errorf("handle of task %s: %w: version %d of driver %q", h.TaskID, errors.ErrUnsupported, h.Version, h.Driver)
	}
	return id, nil
}

// handle makes the handle of a container that was started. The process ID is remembered
// on disk, because the engine does not tell that of one that has ended.
func handle(task driver.Task, c *container.InspectResponse) (driver.Handle, error) {
	var started startedRecord
	err := readRecord(task.StateDir, startedFile, &started)
	if err != nil || started.Container != c.ID {
		at, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
		if err != nil {
			return driver.Handle{}, fmt.Errorf("container %s: when it was started: %w", c.ID, err)
		}
		started = startedRecord{Container: c.ID, PID: c.State.Pid, At: at}
		if err := writeRecord(task.StateDir, startedFile, started); err != nil {
			return driver.Handle{}, err
		}
	}
	return driver.Handle{
		Driver: Name, TaskID: task.ID, StateDir: task.StateDir, Version: handleVersion,
		State: []byte(c.ID), Started: started.At, PID: started.PID,
	}, nil
}

// stateDir is the state directory that a container was started with.
func stateDir(c *container.InspectResponse) string { return c.Config.Labels[labelWhile] }

// own reports whether a container is that of a start of a task.
func own(c *container.InspectResponse, task driver.Task) bool {
	return c.Config != nil && c.Config.Labels[labelTask] == task.ID && stateDir(c) == task.StateDir
}

// neverStarted reports whether a container was made, and that was all.
func neverStarted(c *container.InspectResponse) bool {
	return c.State.Status == container.StateCreated && !c.State.Running || strings.HasPrefix(c.State.StartedAt, "0001-") && !c.State.Running
}
