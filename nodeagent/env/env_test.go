package env_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/env"
)

func input() env.Input {
	task := &api.Task{
		Name:      "server",
		Resources: &api.Resources{CPU: new(100), MemoryMB: new(64), MemoryMaxMB: new(128)},
		Meta:      map[string]string{"who": "task ${NOMAD_TASK_NAME}", "a-b": "dash"},
		Env: map[string]string{
			"DC":     "in ${node.datacenter} of ${node.region}",
			"LISTEN": "${NOMAD_ADDR_http}",
			"PATH":   "/opt/bin:${PATH}",
			"KEEP":   "${unknown} $HOME ${",
			"KERNEL": "${attr.kernel.name}/${meta.rack}",
		},
	}
	group := &api.TaskGroup{Name: new("web"), Tasks: []*api.Task{task}, Meta: map[string]string{"who": "group", "tier": "front"}}
	return env.Input{
		Alloc: &api.Allocation{
			ID: "d8986e42-ddbc-fda2-c570-b320a2495d59", Name: "shop.web[3]", Namespace: "default", JobID: "shop", TaskGroup: "web",
			Usage: api.Usage{MemoryMB: 64, MemoryMaxMB: 128},
			Ports: []api.AllocatedPort{
				{Label: "http", Value: 23456, HostIP: "127.0.0.1"},
				{Label: "my-db", Value: 25000, To: 5432, HostIP: "::1"},
			},
			Grants: []api.TaskGrant{{Task: "other"}, {Task: "server", Cores: []uint16{0, 1, 2, 7}, CPU: 9600}},
		},
		Job:   &api.Job{ID: new("shop"), Name: new("The shop"), ParentID: new("parent"), Meta: map[string]string{"who": "job", "owner": "me"}, TaskGroups: []*api.TaskGroup{group}},
		Group: group,
		Task:  task,
		Node: &api.Node{
			ID: "n1", Name: "node-1", Datacenter: "dc1", NodeClass: "big", NodePool: "default",
			Attributes: map[string]string{"kernel.name": "linux"}, Meta: map[string]string{"rack": "r7"},
		},
		Region:   "global",
		AllocDir: "/d/alloc", TaskDir: "/d/server/local", SecretsDir: "/d/server/secrets",
		Host: []string{"PATH=/usr/bin", "NOMAD_ALLOC_ID=fake", "=bad", "LANG=C"},
	}
}

func TestATaskSeesTheVariablesThatJobsRelyOn(t *testing.T) {
	got := env.Build(input()).Map()
	want := map[string]string{
		"NOMAD_ALLOC_DIR":        "/d/alloc",
		"NOMAD_TASK_DIR":         "/d/server/local",
		"NOMAD_SECRETS_DIR":      "/d/server/secrets",
		"NOMAD_CPU_LIMIT":        "9600",
		"NOMAD_CPU_CORES":        "0-2,7",
		"NOMAD_MEMORY_LIMIT":     "64",
		"NOMAD_MEMORY_MAX_LIMIT": "128",
		"NOMAD_ALLOC_ID":         "d8986e42-ddbc-fda2-c570-b320a2495d59",
		"NOMAD_SHORT_ALLOC_ID":   "d8986e42",
		"NOMAD_ALLOC_NAME":       "shop.web[3]",
		"NOMAD_ALLOC_INDEX":      "3",
		"NOMAD_GROUP_NAME":       "web",
		"NOMAD_TASK_NAME":        "server",
		"NOMAD_JOB_ID":           "shop",
		"NOMAD_JOB_NAME":         "The shop",
		"NOMAD_JOB_PARENT_ID":    "parent",
		"NOMAD_NAMESPACE":        "default",
		"NOMAD_REGION":           "global",
		"NOMAD_DC":               "dc1",
		"NOMAD_IP_http":          "127.0.0.1",
		"NOMAD_PORT_http":        "23456",
		"NOMAD_ADDR_http":        "127.0.0.1:23456",
		"NOMAD_HOST_IP_http":     "127.0.0.1",
		"NOMAD_HOST_PORT_http":   "23456",
		"NOMAD_HOST_ADDR_http":   "127.0.0.1:23456",
		"NOMAD_ALLOC_PORT_http":  "23456",
		"NOMAD_IP_my_db":         "::1",
		"NOMAD_PORT_my_db":       "5432",
		"NOMAD_ADDR_my_db":       "[::1]:25000",
		"NOMAD_HOST_IP_my_db":    "::1",
		"NOMAD_HOST_PORT_my_db":  "25000",
		"NOMAD_HOST_ADDR_my_db":  "[::1]:25000",
		"NOMAD_ALLOC_PORT_my_db": "5432",
		"NOMAD_META_who":         "task server",
		"NOMAD_META_WHO":         "task server",
		"NOMAD_META_a_b":         "dash",
		"NOMAD_META_A_B":         "dash",
		"NOMAD_META_tier":        "front",
		"NOMAD_META_TIER":        "front",
		"NOMAD_META_owner":       "me",
		"NOMAD_META_OWNER":       "me",
		"PATH":                   "/opt/bin:/usr/bin",
		"LANG":                   "C",
		"DC":                     "in dc1 of global",
		"LISTEN":                 "127.0.0.1:23456",
		"KEEP":                   "${unknown} $HOME ${",
		"KERNEL":                 "linux/r7",
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s=%s is not expected", name, got[name])
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s=%q, want %q", name, got[name], value)
		}
	}
}

func TestWhatIsNotSetHasNoVariable(t *testing.T) {
	got := env.Build(env.Input{Alloc: &api.Allocation{ID: "a"}, Job: &api.Job{}, Task: &api.Task{Name: "t"}}).Map()
	want := map[string]string{"NOMAD_ALLOC_ID": "a", "NOMAD_SHORT_ALLOC_ID": "a", "NOMAD_TASK_NAME": "t"}
	if !maps.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestAMemoryLimitThatWasNotGrantedHasNoVariable(t *testing.T) {
	in := input()
	in.Alloc.Usage.MemoryMaxMB = 0
	if limit, ok := env.Build(in).Map()["NOMAD_MEMORY_MAX_LIMIT"]; ok {
		t.Fatalf("NOMAD_MEMORY_MAX_LIMIT=%s", limit)
	}
}

func TestOptionalMetaOfADispatchedJobIsEmptyWhenNotGiven(t *testing.T) {
	in := input()
	in.Job.Dispatched = true
	in.Job.ParameterizedJob = &api.ParameterizedJobConfig{MetaOptional: []string{"note", "owner"}}
	got := env.Build(in).Map()
	if note, ok := got["NOMAD_META_note"]; !ok || note != "" || got["NOMAD_META_owner"] != "me" {
		t.Fatalf("note %q %v, owner %q", note, ok, got["NOMAD_META_owner"])
	}
}

func TestReplace(t *testing.T) {
	v := env.Build(input())
	for in, want := range map[string]string{
		"":                                     "",
		"plain":                                "plain",
		"${NOMAD_TASK_NAME}":                   "server",
		"a ${ NOMAD_TASK_NAME } b":             "a server b",
		`${env["PATH"]} ${env.LANG}`:           "/opt/bin:/usr/bin C",
		"${node.unique.id}":                    "n1",
		"${node.unique.name}/${node.class}":    "node-1/big",
		"${node.pool}":                         "default",
		"${attr.nothing} ${meta.rack}":         "${attr.nothing} r7",
		"$NOMAD_TASK_NAME":                     "$NOMAD_TASK_NAME",
		"${unclosed ${NOMAD_TASK_NAME}":        "${unclosed server",
		"${x:-${NOMAD_TASK_NAME}}":             "${x:-server}",
		"100% of ${NOMAD_JOB_NAME}, ${} and $": "100% of The shop, ${} and $",
	} {
		if got := v.Replace(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestReplaceReachesEveryStringOfAConfigBlock(t *testing.T) {
	v := env.Build(input())
	in := map[string]any{
		"command":            "/bin/${NOMAD_TASK_NAME}",
		"args":               []any{"-p", "${NOMAD_PORT_http}", 3, true},
		"list":               []string{"${NOMAD_DC}"},
		"labels":             map[string]string{"${NOMAD_DC}": "${NOMAD_REGION}"},
		"mount":              []map[string]any{{"source": "${NOMAD_ALLOC_DIR}"}},
		"${NOMAD_TASK_NAME}": map[string]any{"deep": []any{map[string]any{"x": "${NOMAD_DC}"}}},
	}
	want := map[string]any{
		"command": "/bin/server",
		"args":    []any{"-p", "23456", 3, true},
		"list":    []string{"dc1"},
		"labels":  map[string]string{"dc1": "global"},
		"mount":   []map[string]any{{"source": "/d/alloc"}},
		"server":  map[string]any{"deep": []any{map[string]any{"x": "dc1"}}},
	}
	if got := v.ReplaceMap(in); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v", got)
	}
	if in["command"] != "/bin/${NOMAD_TASK_NAME}" {
		t.Fatal("the job's own config was changed")
	}
}

func TestTextWithoutReferencesIsNeverChanged(t *testing.T) {
	v := env.Build(input())
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if !strings.Contains(s, "${") && v.Replace(s) != s {
			t.Fatalf("%q became %q", s, v.Replace(s))
		}
	})
}

func TestCredentialsOfTheAgentAreKeptFromTasks(t *testing.T) {
	got := env.Without([]string{"PATH=/bin", "VAULT_TOKEN=s3cret", "VAULT_TOKEN_X=ok"}, env.DefaultDenied)
	if want := []string{"PATH=/bin", "VAULT_TOKEN_X=ok"}; !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestNamesOfVariablesHaveNoDashesButMayHaveDots(t *testing.T) {
	in := input()
	in.Task.Env = map[string]string{"my-key": "1", "spring.profile": "2", "a=b": "3"}
	in.Task.Meta = map[string]string{"x.y-z": "4"}
	got := env.Build(in).Map()
	for name, want := range map[string]string{"my_key": "1", "spring.profile": "2", "a_b": "3", "NOMAD_META_x.y_z": "4"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestPortsAreFoundInTheAllocationsOwnNetworkToo(t *testing.T) {
	in := input()
	in.Network = &api.AllocNetworkStatus{InterfaceName: "eth0", Address: "172.26.64.2", AddressIPv6: "fd00::2"}
	got := env.Build(in).Map()
	for name, want := range map[string]string{
		"NOMAD_ADDR_my_db":            "[::1]:25000",
		"NOMAD_PORT_my_db":            "5432",
		"NOMAD_ALLOC_IP_my_db":        "172.26.64.2",
		"NOMAD_ALLOC_PORT_my_db":      "5432",
		"NOMAD_ALLOC_ADDR_my_db":      "172.26.64.2:5432",
		"NOMAD_ALLOC_ADDR_http":       "172.26.64.2:23456", // the same number inside
		"NOMAD_ALLOC_INTERFACE_my_db": "eth0",
	} {
		if got[name] != want {
			t.Errorf("%s=%q, want %q", name, got[name], want)
		}
	}
}
