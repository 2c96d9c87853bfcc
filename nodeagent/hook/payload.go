package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
)

// dispatchPayload puts the payload of a dispatched job into the file that the task
// names, in its local directory. Without a payload there is no file.
type dispatchPayload struct{}

func (dispatchPayload) Name() string { return "dispatch payload" }

func (dispatchPayload) Prestart(_ context.Context, s *Start) error {
	if s.Task.DispatchPayload == nil || s.Task.DispatchPayload.File == "" || len(s.Job.Payload) == 0 || s.Dir.Root == "" {
		return nil
	}
	// The task owns what is in its directory: no link there leads out of it.
	dir, err := os.OpenRoot(s.Dir.Task(s.Task.Name))
	if err != nil {
		return err
	}
	err = write(dir, s.Task.DispatchPayload.File, s.Job.Payload)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

func write(dir *os.Root, name string, payload []byte) error {
	if !filepath.IsLocal(name) {
		invalid := &api.InvalidError{What: "dispatch_payload"}
		invalid.Add("file", fmt.Sprintf("%q is outside of the task's local directory", name))
		return invalid
	}
	name = filepath.Join(allocdir.LocalDir, name)
	if err := dir.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return allocdir.WriteFile(dir, name, payload, func(fresh string) error { return dir.Chmod(fresh, 0o644) })
}
