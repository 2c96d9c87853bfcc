package cgroup_test

import (
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/cgroup"
)

func TestVersions(t *testing.T) {
	for want, files := range map[string]fstest.MapFS{
		"2": {"sys/fs/cgroup/cgroup.controllers": {}},
		"1": {"sys/fs/cgroup/memory/tasks": {}, "sys/fs/cgroup/unified/cgroup.controllers": {}},
		"":  {},
	} {
		apply, err := cgroup.Fingerprint{System: files}.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := &api.Node{Attributes: map[string]string{}}
		apply(n)
		if got := n.Attributes["os.cgroups.version"]; got != want {
			t.Errorf("got version %q, want %q", got, want)
		}
	}
}
