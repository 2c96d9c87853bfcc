package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/droverhq/drover/api"
)

// dispatchPayload puts the payload of a dispatched job into the file that the task
// names, in its local directory.
type dispatchPayload struct{}

func (dispatchPayload) Name() string { return "dispatch payload" }

func (dispatchPayload) Prestart(_ context.Context, s *Start) error {
	if s.Task.DispatchPayload == nil || s.Task.DispatchPayload.File == "" || s.Dir.Root == "" {
		return nil
	}
	name := s.Task.DispatchPayload.File
	local, err := os.OpenRoot(s.Dir.Local(s.Task.Name)) // the task owns the folder: no link leads out of it
	if err != nil {
		return err
	}
	err = write(local, name, s.Job.Payload)
	if closeErr := local.Close(); err == nil {
		err = closeErr
	}
	return err
}

func write(local *os.Root, name string, payload []byte) error {
	if !filepath.IsLocal(name) {
		invalid := &api.InvalidError{What: "dispatch_payload"}
		invalid.Add("file", fmt.Sprintf("%q is outside of the task's local directory", name))
		return invalid
	}
	if err := local.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return local.WriteFile(name, payload, 0o644)
}
