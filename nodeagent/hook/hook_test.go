package hook_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/hook"
)

func start(t *testing.T, task *api.Task) *hook.Start {
	t.Helper()
	group := &api.TaskGroup{Name: new("g"), Tasks: []*api.Task{task}}
	return &hook.Start{
		Alloc: &api.Allocation{ID: "alloc-1", JobID: "j", TaskGroup: "g"},
		Job:   &api.Job{ID: new("j"), TaskGroups: []*api.TaskGroup{group}, Payload: []byte("hello")},
		Group: group,
		Task:  task,
		Dir:   allocdir.New(t.TempDir(), "alloc-1"),
	}
}

func TestATaskFindsItsDirectoriesPayloadAndVariables(t *testing.T) {
	s := start(t, &api.Task{Name: "t", DispatchPayload: &api.DispatchPayloadConfig{File: "in/input.txt"}})
	for range 2 { // a restart runs the hooks again
		if err := hook.Run(t.Context(), hook.Default(), s); err != nil {
			t.Fatal(err)
		}
	}
	vars := s.Vars.Map()
	got, err := os.ReadFile(filepath.Join(vars["NOMAD_TASK_DIR"], "in/input.txt"))
	if err != nil || string(got) != "hello" {
		t.Fatalf("payload %q, %v", got, err)
	}
	for _, name := range []string{"NOMAD_ALLOC_DIR", "NOMAD_SECRETS_DIR"} {
		if fi, err := os.Stat(vars[name]); err != nil || !fi.IsDir() {
			t.Errorf("%s=%s is no directory: %v", name, vars[name], err)
		}
	}
}

func TestAPayloadStaysInTheTasksDirectory(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for _, file := range []string{"../../../escaped", outside, "link/escaped"} {
		s := start(t, &api.Task{Name: "t", DispatchPayload: &api.DispatchPayloadConfig{File: file}})
		if err := s.Dir.Build(); err != nil {
			t.Fatal(err)
		}
		if err := s.Dir.BuildTask("t", ""); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/tmp", filepath.Join(s.Dir.Local("t"), "link")); err != nil {
			t.Fatal(err)
		}
		if err := hook.Run(t.Context(), hook.Default(), s); err == nil {
			t.Errorf("wrote the payload to %s", file)
		}
	}
}

func TestAPayloadDoesNotFollowALinkForTheLocalDirectory(t *testing.T) {
	s := start(t, &api.Task{Name: "t", DispatchPayload: &api.DispatchPayloadConfig{File: "passwd"}})
	outside := t.TempDir()
	if err := errors.Join(s.Dir.Build(), s.Dir.BuildTask("t", ""), os.Remove(s.Dir.Local("t")), os.Symlink(outside, s.Dir.Local("t"))); err != nil {
		t.Fatal(err)
	}
	if err := hook.Run(t.Context(), hook.Default(), s); err == nil {
		t.Error("wrote the payload through a link")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

func TestWhatCannotBeGivenIsRefusedByName(t *testing.T) {
	for _, task := range []*api.Task{
		{Name: "t", Vault: &api.Vault{}},
	} {
		if err := hook.Run(t.Context(), hook.Default(), start(t, task)); !errors.Is(err, api.ErrNotSupported) {
			t.Errorf("%+v: got %v", task, err)
		}
	}
}

func TestATaskStartsOnlyWhereItsVolumesAre(t *testing.T) {
	for name, c := range map[string]struct {
		volume api.VolumeRequest
		starts bool
	}{
		"offered":        {api.VolumeRequest{Type: "host", Source: "data"}, true},
		"of one's own":   {api.VolumeRequest{Type: "host", Source: "own", PerAlloc: true}, true},
		"not there":      {api.VolumeRequest{Type: "host", Source: "other"}, false},
		"of another":     {api.VolumeRequest{Type: "host", Source: "others", PerAlloc: true}, false},
		"to be read":     {api.VolumeRequest{Type: "host", Source: "certs", ReadOnly: true}, true},
		"not for writes": {api.VolumeRequest{Type: "host", Source: "certs"}, false},
		"unknown type":   {api.VolumeRequest{Type: "csi", Source: "data"}, false},
	} {
		s := start(t, &api.Task{Name: "t"})
		s.Alloc.Name = "j.g[3]"
		s.Group.Volumes = map[string]*api.VolumeRequest{"v": &c.volume}
		s.Node = &api.Node{HostVolumes: map[string]*api.HostVolumeInfo{"data": {}, "own[3]": {}, "others[2]": {}, "certs": {ReadOnly: true}}}
		if err := hook.Run(t.Context(), hook.Default(), s); (err == nil) != c.starts {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWithoutADirectoryNothingIsMade(t *testing.T) {
	s := start(t, &api.Task{Name: "t", DispatchPayload: &api.DispatchPayloadConfig{File: "x"}})
	s.Dir = allocdir.Dir{}
	if err := hook.Run(t.Context(), hook.Default(), s); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Vars.Map()["NOMAD_ALLOC_DIR"]; ok {
		t.Fatal("a directory is promised")
	}
}

func TestATaskSeesVolumesWhereItMountsThem(t *testing.T) {
	data, certs := t.TempDir(), t.TempDir()
	s := start(t, &api.Task{Name: "t", Driver: "exec", Env: map[string]string{"AT": "/srv"}, VolumeMounts: []*api.VolumeMount{
		{Volume: new("data"), Destination: new("${AT}/data"), PropagationMode: new("host-to-task")},
		{Volume: new("certs"), Destination: new("certs")},
		{Volume: new("data"), Destination: new("/ro"), ReadOnly: new(true)},
	}})
	s.Group.Volumes = map[string]*api.VolumeRequest{"data": {Type: "host", Source: "d"}, "certs": {Type: "host", Source: "c", ReadOnly: true}}
	s.Node = &api.Node{HostVolumes: map[string]*api.HostVolumeInfo{"d": {Path: data}, "c": {Path: certs}}}
	if err := hook.Run(t.Context(), hook.Default(), s); !errors.Is(err, api.ErrNotSupported) {
		t.Errorf("a driver that can't: %v", err)
	}
	s.Mounter = true
	for range 2 {
		if err := hook.Run(t.Context(), hook.Default(), s); err != nil {
			t.Fatal(err)
		}
	}
	want := []driver.Mount{
		{Source: data, Target: "/srv/data", Propagation: "host-to-task"},
		{Source: certs, Target: "/certs", ReadOnly: true},
		{Source: data, Target: "/ro", ReadOnly: true},
	}
	if !slices.Equal(s.Mounts, want) {
		t.Errorf("got %+v", s.Mounts)
	}
	if err := os.Remove(data); err != nil {
		t.Fatal(err)
	}
	if err := hook.Run(t.Context(), hook.Default(), s); err == nil {
		t.Error("mounted what is not there")
	}
}
