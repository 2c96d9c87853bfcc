package scheduler_test

import (
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

func TestConstraintsCompareWhatTheyName(t *testing.T) {
	f := scheduler.NewFleet()
	f.SetNode(scheduler.NodeState{Node: &api.Node{
		ID: "id-1", Name: "name-1", Datacenter: "dc1", NodeClass: "big", NodePool: "gpu",
		Attributes: map[string]string{
			"kernel.name": "linux", "cores": "10", "load": "1.5", "nomad.version": "2.0.6-dev", "kernel.version": "6.1.0",
			"unique.hostname": "host-1", "flags": "avx, sse ,mmx", "driver.raw_exec": "1", "empty": "",
		},
		Meta: map[string]string{"rack": "r1", "kernel": "linux", "unique.slot": "7"},
	}, Ready: true, Eligible: true})

	for _, c := range []struct {
		left, operand, right string
		met                  bool
	}{
		{"${attr.kernel.name}", "=", "linux", true},
		{"${attr.kernel.name}", "==", "linux", true},
		{"${attr.kernel.name}", "is", "linux", true},
		{"${attr.kernel.name}", "=", "Linux", false},
		{"${attr.missing}", "=", "", false},
		{"${attr.empty}", "=", "", true},
		{"${attr.kernel.name}", "=", "${meta.kernel}", true},
		{"${attr.kernel.name}", "=", "${meta.missing}", false},
		{"linux", "=", "linux", true},
		{"${attr.kernel.name}", "!=", "windows", true},
		{"${attr.kernel.name}", "not", "linux", false},
		{"${attr.missing}", "!=", "x", true},
		{"${node.unique.id}", "=", "id-1", true},
		{"${node.unique.name}", "=", "name-1", true},
		{"${node.datacenter}", "=", "dc1", true},
		{"${node.class}", "=", "big", true},
		{"${node.pool}", "=", "gpu", true},
		{"${node.region}", "=", "global", true},
		{"${node.other}", "=", "x", false},
		{"${attr.unique.hostname}", "=", "host-1", true},
		{"${meta.unique.slot}", "=", "7", true},

		{"${attr.cores}", "<", "9", false},
		{"${attr.cores}", ">", "9", true},
		{"${attr.cores}", ">=", "10", true},
		{"${attr.cores}", "<=", "9.5", false},
		{"${attr.load}", "<", "1.51", true},
		{"${attr.kernel.name}", "<", "linuy", true},
		{"${attr.kernel.name}", ">", "10", true},
		{"${attr.missing}", "<", "10", false},

		{"${attr.kernel.name}", "regexp", "^li.*x$", true},
		{"${attr.kernel.name}", "regexp", "^x", false},
		{"${attr.kernel.name}", "regexp", "(", false},
		{"${attr.missing}", "regexp", ".*", false},

		{"${attr.kernel.version}", "version", ">= 6.0, < 7", true},
		{"${attr.kernel.version}", "version", "~> 6.0", true},
		{"${attr.kernel.version}", "version", "> 6.1", false},
		{"${attr.nomad.version}", "version", ">= 1.4.0", false},
		{"${attr.kernel.name}", "version", ">= 1", false},
		{"${attr.kernel.version}", "version", "nonsense", false},
		{"${attr.nomad.version}", "semver", ">= 1.4.0", true},
		{"${attr.nomad.version}", "semver", ">= 1.4.0, < 2.0.6", true},
		{"${attr.nomad.version}", "semver", ">= 2.0.6", false},
		{"${attr.nomad.version}", "semver", "!= 2.0.6-dev", false},
		{"${attr.nomad.version}", "semver", "2.0.6-dev", true},
		{"${attr.nomad.version}", "semver", "~> 2.0", false},
		{"${attr.nomad.version}", "semver", "=> 2.0.0", false},

		{"${attr.flags}", "set_contains", "sse,avx", true},
		{"${attr.flags}", "set_contains_all", "sse, neon", false},
		{"${attr.flags}", "set_contains_any", "neon, mmx", true},
		{"${attr.flags}", "set_contains_any", "neon", false},
		{"${attr.missing}", "set_contains", "", false},
		{"${attr.flags}", "is_set", "", true},
		{"${attr.missing}", "is_set", "", false},
		{"${attr.missing}", "is_not_set", "", true},
		{"${meta.rack}", "is_not_set", "", false},
		{"${meta.rack}", "unheard of", "r1", false},
	} {
		t.Run(fmt.Sprint(c.left, c.operand, c.right), func(t *testing.T) {
			job := simulatedJob("j", 1)
			job.NodePool = new("all")
			job.Constraints = []*api.Constraint{{LTarget: c.left, Operand: c.operand, RTarget: c.right}}
			ok, why := f.Suits(job, job.TaskGroups[0], "id-1")
			if ok != c.met {
				t.Errorf("met is %v, want %v", ok, c.met)
			}
			if ok != (why == "") {
				t.Errorf("met is %v, because %q", ok, why)
			}
		})
	}
}

func TestDatacentersMayBePatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		match         bool
	}{
		{"*", "", true},
		{"*", "dc1", true},
		{"dc1", "dc1", true},
		{"dc1", "dc10", false},
		{"dc*", "dc10", true},
		{"dc*", "eu-dc", false},
		{"*-west-*", "eu-west-1", true},
		{"*-west-*", "eu-west", false},
		{"eu*1", "eu-west-1", true},
		{"eu*eu", "eu", false},
		{"a*b*b", "ab", false},
		{"a**b", "ab", true},
		{"", "", true},
	} {
		f := scheduler.NewFleet()
		f.SetNode(scheduler.NodeState{
			Node:  &api.Node{ID: "n", Datacenter: c.name, Attributes: map[string]string{"driver.raw_exec": "true", "kernel.name": "linux"}},
			Ready: true, Eligible: true,
		})
		job := simulatedJob("j", 1)
		job.Datacenters = []string{"elsewhere", c.pattern}
		if ids, _ := f.FeasibleNodes(job, job.TaskGroups[0]); len(ids) == 1 != c.match {
			t.Errorf("%q against %q: %v", c.pattern, c.name, ids)
		}
	}
}

func TestWhatCannotBeGivenIsRefusedByName(t *testing.T) {
	f := simulatedFleet(1)
	job := simulatedJob("j", 1)
	job.TaskGroups[0].Volumes = map[string]*api.VolumeRequest{"data": {Type: "tape"}}
	if _, why := f.Suits(job, job.TaskGroups[0], simulatedNode(0).ID); why != "volumes of type tape are not supported" {
		t.Errorf("why is %q", why)
	}
}
