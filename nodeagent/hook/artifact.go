package hook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/artifact"
)

// artifacts fetches what the task's artifact blocks ask for, once for an allocation:
// when the task starts again it finds what it had.
type artifacts struct{}

func (artifacts) Name() string { return "artifact" }

func (artifacts) Prestart(ctx context.Context, s *Start) error {
	if len(s.Task.Artifacts) == 0 || s.Dir.Root == "" {
		return nil
	}
	if s.Fetcher == nil {
		return fmt.Errorf("%w: artifact blocks", api.ErrNotSupported)
	}
	done := filepath.Join(s.Keep, "fetched-"+s.Task.Name)
	if _, err := os.Stat(done); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.note(&api.TaskEvent{
		Type: api.EventDownloading, Time: time.Now().UnixNano(),
		DisplayMessage: "Client is downloading artifacts", Details: map[string]string{},
	})
	err := s.aside(func() error {
		for _, a := range s.Task.Artifacts {
			order, err := orderOf(s, a)
			if err == nil {
				err = s.Fetcher.Fetch(ctx, order)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Keep, 0o700); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}

// defaultDestination is where artifacts go that say nothing of it.
const defaultDestination = allocdir.LocalDir + "/"

// orderOf is an artifact block as it stands for the task.
func orderOf(s *Start, a *api.TaskArtifact) (artifact.Order, error) {
	source, err := artifact.SourceOf(a, s.Vars.Replace)
	if err != nil {
		return artifact.Order{}, err
	}
	o := artifact.Order{
		Source: source, Mode: s.Vars.Replace(api.Deref(a.GetterMode)), Insecure: api.Deref(a.GetterInsecure),
		Headers: make(map[string]string, len(a.GetterHeaders)),
	}
	for name, value := range a.GetterHeaders {
		o.Headers[s.Vars.Replace(name)] = s.Vars.Replace(value)
	}
	destination := s.Vars.Replace(api.Deref(a.RelativeDest))
	if destination == "" {
		destination = defaultDestination
	}
	place, err := s.Dir.Place(s.Task.Name, destination, s.Rooted)
	if err != nil {
		invalid := &api.InvalidError{What: "artifact"}
		invalid.Add("destination", err.Error())
		return artifact.Order{}, invalid
	}
	// The task's directory and the shared one are not tasks' to replace; what is in them is.
	first, rest, _ := strings.Cut(place, "/")
	o.Root, o.Scratch, o.Place = filepath.Join(s.Dir.Root, first), allocdir.TmpDir, rest
	if o.Place == "" {
		o.Place = "."
	}
	if user := s.Vars.Replace(s.Task.User); a.Chown && user != "" && os.Geteuid() == 0 {
		uid, gid, err := allocdir.Owner(user)
		if err != nil {
			return artifact.Order{}, fmt.Errorf("chown to user %q: %w", user, err)
		}
		o.Chown = &artifact.Owner{UID: uid, GID: gid}
	}
	return o, nil
}
