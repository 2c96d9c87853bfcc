package isolated

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/shim"
)

// testDriver is a driver with the settings of a plugin block.
func testDriver(t *testing.T, plugin map[string]any) *Driver {
	t.Helper()
	p, err := ParsePlugin("test", plugin)
	if err != nil {
		t.Fatal(err)
	}
	k := Kind{Name: "test", Command: func(b *block.Block) (string, []string) { return b.Text("command"), nil }}
	return New(k, Options{Plugin: p})
}

func TestAConfigIsRefusedByWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		plugin, config map[string]any
		wrong          string // key; empty: nothing is wrong
	}{
		"all keys": {
			map[string]any{"allow_caps": []any{"all"}},
			map[string]any{
				"command": "x", "work_dir": "/local", "pid_mode": "host", "ipc_mode": "private", "cap_add": []any{"CAP_SYS_TIME"},
				"cap_drop": []any{"mknod"}, "cpu_hard_limit": true, "pids_limit": 16,
			},
			"",
		},
		"an unknown key":        {nil, map[string]any{"pid": "host"}, "pid"},
		"an unknown mode":       {nil, map[string]any{"pid_mode": "shared"}, "pid_mode"},
		"a capability too many": {nil, map[string]any{"cap_add": []any{"sys_admin"}}, "cap_add"},
		"no capability":         {nil, map[string]any{"cap_drop": []any{"everything"}}, "cap_drop"},
		"a relative directory":  {nil, map[string]any{"work_dir": "local"}, "work_dir"},
		"no switch":             {nil, map[string]any{"cpu_hard_limit": "maybe"}, "cpu_hard_limit"},
		"no processes":          {nil, map[string]any{"pids_limit": 0}, "pids_limit"},
	} {
		err := testDriver(t, c.plugin).Validate(c.config)
		var invalid *api.InvalidError
		if c.wrong == "" && err != nil || c.wrong != "" && (!errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Field != c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPluginBlockIsRefusedByWhatIsWrong(t *testing.T) {
	for _, block := range []map[string]any{
		{"default_pid_mode": "public"},
		{"default_ipc_mode": 1},
		{"allow_caps": []any{"cap_of_tea"}},
		{"no_pivot_root": "sometimes"},
		{"pids_limit": -1},
		{"denied_host_uids": "root"},
		{"image": "x"},
	} {
		if p, err := ParsePlugin("exec", block); err == nil {
			t.Errorf("%v is read as %+v", block, p)
		}
	}
}

func TestLimitsAreSaidInBothVersions(t *testing.T) {
	all := func(l limit) string {
		var list []string
		for _, s := range l.unified() {
			list = append(list, s.File+"="+s.Value)
		}
		for _, controller := range []string{"cpu", "memory", "pids", "cpuset", "cpuacct"} {
			for _, s := range l.legacy(controller) {
				list = append(list, s.File+"="+s.Value)
			}
		}
		return strings.Join(list, " ")
	}
	for name, c := range map[string]struct {
		l    limit
		want string
	}{
		"least": {
			limit{memory: 1 << 20, memoryMax: 1 << 20, pids: 5, allCores: "0-3", mems: "0"},
			"cpu.weight=1 pids.max=5 memory.swap.max=0 memory.max=1048576 " +
				"cpu.shares=2 memory.swappiness=0 memory.limit_in_bytes=1048576 memory.memsw.limit_in_bytes=1048576 pids.max=5 cpuset.mems=0 cpuset.cpus=0-3",
		},
		"everything": {
			limit{shares: 262144, quota: 5000, memory: 1 << 20, memoryMax: 2 << 20, pids: 5, cores: "1,2", allCores: "0-3", mems: "0"},
			"cpu.weight=10000 pids.max=5 memory.swap.max=0 cpu.max=5000 100000 memory.max=2097152 memory.low=1048576 cpuset.cpus=1,2 " +
				"cpu.shares=262144 cpu.cfs_period_us=100000 cpu.cfs_quota_us=5000 " +
				"memory.swappiness=0 memory.limit_in_bytes=2097152 memory.memsw.limit_in_bytes=2097152 memory.soft_limit_in_bytes=1048576 " +
				"pids.max=5 cpuset.mems=0 cpuset.cpus=1,2",
		},
		"unbounded memory": {
			limit{shares: 1 << 20, memory: 1 << 20, memoryMax: -1, pids: 5, allCores: "0", mems: "0"},
			"cpu.weight=10000 pids.max=5 memory.swap.max=0 memory.low=1048576 " +
				"cpu.shares=262144 memory.swappiness=0 memory.soft_limit_in_bytes=1048576 pids.max=5 cpuset.mems=0 cpuset.cpus=0",
		},
	} {
		if got := all(c.l); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
	if got := quotaOf(500, 4000, 2); got != 25_000 {
		t.Errorf("an eighth of two cores is %d µs in %d", got, period)
	}
	if got := limitOf(api.AllocatedTaskResources{Memory: api.AllocatedMemoryResources{MemoryMB: 5, MemoryMaxMB: -1}}); got.memoryMax != -1 {
		t.Errorf("memory without a bound is bound by %d", got.memoryMax)
	}
}

func TestWhatIsMountedBelowAPlaceOfTheNodeNeedsAnOverlay(t *testing.T) {
	d := testDriver(t, nil)
	d.options.ChrootEnv = map[string]string{"/etc": "/etc", "/usr": "/usr", "/opt/usr-local": "/usr/local", "/bin": "/bin"}
	d.options.Hidden = nil
	task := driver.Task{Dir: "/a/t", AllocDir: "/a/alloc", SecretsDir: "/a/t/secrets", Mounts: []driver.Mount{{Source: "/data", Target: "/data", ReadOnly: true}}}
	task.Network.Resolv = "/a/resolv"
	var got []string
	for _, m := range d.mounts(task) {
		if m.How&shim.MountHidden == 0 {
			got = append(got, fmt.Sprintf("%s:%s:%b", m.Source, m.Target, m.How))
		}
	}
	want := []string{
		"/bin:/bin:11", "/etc:/etc:111", "/usr:/usr:111", "/opt/usr-local:/usr/local:11",
		"/a/alloc:/alloc:10000", "/a/resolv:/etc/resolv.conf:1", "/data:/data:1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("mounts\n%v, want\n%v", got, want)
	}
}

func TestSecretsOfTheNodeAreHiddenWhereTheyAreSeen(t *testing.T) {
	for _, c := range []struct{ path, source, target, place string }{
		{"/etc/shadow", "/etc", "/etc", "/etc/shadow"},
		{"/etc/shadow", "/etc", "/opt/etc", "/opt/etc/shadow"},
		{"/etc/shadow", "/usr", "/usr", ""},
		{"/etcetera", "/etc", "/etc", ""},
		{"/no/such/dir", "/no/such/dir", "/d", "/d"},
	} {
		if place, seen := placeOf(c.path, c.source, c.target); place != c.place || seen != (c.place != "") {
			t.Errorf("%s of %s at %s: %q, %v", c.path, c.source, c.target, place, seen)
		}
	}
}
