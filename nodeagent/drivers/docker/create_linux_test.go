package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// facts reads lines NAME=VALUE.
func facts(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		out[name] = value
	}
	return out
}

func TestATaskHasWhatItsConfigSays(t *testing.T) {
	b := newBench(t, map[string]any{
		"volumes": map[string]any{"enabled": true}, "extra_labels": []any{"job_*", "node_name"}, "gc": map[string]any{"image": false},
	})
	task := b.task(`
		echo "hostname=$(cat /proc/sys/kernel/hostname)"; echo "user=$(id -u):$(id -G)"; echo "dir=$(pwd)"; echo "args=$0 $1"; echo "nofile=$(ulimit -n)"
		echo "caps=$(grep CapEff /proc/self/status | cut -f2)"; echo "hosts=$(grep -c '10.1.2.3.*other' /etc/hosts)"
		echo "resolv=$(grep -v '^#' /etc/resolv.conf | tr '\n' ';')"; echo "somaxconn=$(cat /proc/sys/net/core/somaxconn)"
		echo "shm=$(df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2)"; echo "tmpfs=$(df -k /scratch | tail -1 | tr -s ' ' | cut -d' ' -f2)"
		echo "init=$(cat /proc/1/comm)"; touch /x 2>/dev/null || echo "root=readonly"; echo "oom=$(cat /proc/self/oom_score_adj)"
		echo "nnp=$(grep NoNewPrivs /proc/self/status | cut -f2)"; head -c 1 /dev/nix | wc -c | sed 's/^/device=/'; touch /alloc/data-x /local/x && echo "dirs=yes"
		echo "secret=$(cat /secrets/token)"; echo "env=$NOMAD_ALLOC_ID"`, map[string]any{
		"network_mode": "default", "hostname": "boxed", "work_dir": "/tmp",
		"labels": []any{map[string]any{"color": "red"}}, "dns_servers": []any{"10.9.9.9"}, "dns_search_domains": []any{"corp"}, "dns_options": []any{"ndots:3"},
		"extra_hosts": []any{"other:10.1.2.3"}, "cap_drop": []any{"all"}, "cap_add": []any{"chown"}, "ulimit": map[string]any{"nofile": "123:456"},
		"sysctl": map[string]any{"net.core.somaxconn": "77"}, "shm_size": 8 << 20, "tmpfs": []any{"/scratch:size=4m"}, "readonly_rootfs": true,
		"security_opt": []any{"no-new-privileges"}, "pids_limit": 50, "oom_score_adj": 321, "group_add": []any{"77"}, "init": true,
		"devices": map[string]any{"host_path": "/dev/zero", "container_path": "/dev/nix", "cgroup_permissions": "r"}, "memory_hard_limit": 128,
		"cpu_hard_limit": true, "cpu_cfs_period": 50000, "healthchecks": map[string]any{"disable": true}, "cgroupns": "host", "ipc_mode": "private",
	})
	task.Config["args"] = append(task.Config["args"].([]any), "zero", "one")
	task.User = "12:34"
	task.CPUShare = 0.25
	task.Resources.Cpu.CpuShares, task.Resources.Memory.MemoryMB = 200, 64
	if err := errors.Join(os.WriteFile(filepath.Join(task.SecretsDir, "token"), []byte("s3cret"), 0o644), os.Chmod(filepath.Join(task.Dir, "local"), 0o777), os.Chmod(task.AllocDir, 0o777)); err != nil {
		t.Fatal(err)
	}
	h := b.start(task)
	if result := b.wait(h); !result.Successful() {
		t.Fatalf("%+v: %s", result, b.output(task.Stderr))
	}
	got := facts(b.output(task.Stdout))
	for name, want := range map[string]string{
		"hostname": "boxed", "user": "12:34 77", "dir": "/tmp", "args": "zero one", "nofile": "123", "caps": "0000000000000000", "hosts": "1",
		"resolv": "search corp;nameserver 10.9.9.9;options ndots:3;", "somaxconn": "77", "shm": "8192", "tmpfs": "4096", "root": "readonly",
		"oom": "321", "nnp": "1", "device": "1", "dirs": "yes", "secret": "s3cret", "env": task.AllocID,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.Contains(got["init"], "init") {
		t.Errorf("process 1 is %q", got["init"])
	}
	box := b.inspect(h)
	hc := box.HostConfig
	if hc.CPUShares != 200 || hc.Memory != 128<<20 || hc.MemoryReservation != 64<<20 || hc.CPUPeriod != 50000 || hc.CPUQuota < 12500 || *hc.PidsLimit != 50 {
		t.Errorf("resources %+v", hc.Resources)
	}
	if !slices.Equal(hc.CapAdd, []string{"CAP_CHOWN"}) || !slices.Equal(hc.CapDrop, []string{"ALL"}) {
		t.Errorf("capabilities + %v - %v", hc.CapAdd, hc.CapDrop)
	}
	for name, want := range map[string]string{
		"color": "red", "com.hashicorp.nomad.alloc_id": task.AllocID, "com.hashicorp.nomad.job_id": "shop",
		"com.hashicorp.nomad.job_name": "shop", "com.hashicorp.nomad.node_name": "node", "com.hashicorp.nomad.task_name": "",
	} {
		if box.Config.Labels[name] != want {
			t.Errorf("label %s is %q, want %q", name, box.Config.Labels[name], want)
		}
	}
	if box.Name != "/main-"+task.AllocID || box.Config.Healthcheck.Test[0] != "NONE" {
		t.Errorf("container %s, healthcheck %v", box.Name, box.Config.Healthcheck)
	}
}

func TestADefaultTaskHasNeitherRawSocketsNorOtherRights(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false}})
	task := b.task(`echo "caps=$(grep CapEff /proc/self/status | cut -f2)"`, nil)
	task.Resources.Cpu.CpuShares = 1
	got := facts(b.run(task))
	const engineDefault, rawSockets = "00000000a80425fb", "00000000a80405fb"
	if got["caps"] != rawSockets {
		t.Errorf("capabilities %s, want those of the engine, %s, without net_raw: %s", got["caps"], engineDefault, rawSockets)
	}
}

func TestAPrivilegedTaskRunsWhereTheOperatorAllowsIt(t *testing.T) {
	b := newBench(t, map[string]any{"allow_privileged": true, "gc": map[string]any{"image": false}})
	h, err := b.driver.Start(b.ctx, b.task("exit 0", map[string]any{"privileged": true}))
	if err != nil && strings.Contains(err.Error(), "unable to apply caps") {
		t.Skip("not run: root of this machine has not all capabilities itself")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.destroy(h)
	if b.wait(h); !b.inspect(h).HostConfig.Privileged {
		t.Error("it is not privileged")
	}
}

func TestVolumesAndMounts(t *testing.T) {
	b := newBench(t, nil)
	outside := t.TempDir()
	task := b.task(`
		echo one > /in/one; echo two > /out/two; cat /ro/two; echo x > /ro/x || echo refused; echo three > /vol/three; df /mem | tail -1 | cut -c1-5
		stat -c %a /mem; echo four > /named/four; ls /seen`, map[string]any{
		"volumes": []any{"data:/in", outside + ":/out", outside + ":/ro:ro"},
		"mount": []any{
			map[string]any{"type": "volume", "source": "drovertest-volume", "target": "/vol", "volume_options": map[string]any{"labels": map[string]any{"a": "b"}}},
			map[string]any{"type": "tmpfs", "target": "/mem", "tmpfs_options": map[string]any{"size": 1 << 20, "mode": 0o1777}},
			map[string]any{"type": "bind", "source": "local", "target": "/seen", "readonly": true, "bind_options": map[string]any{"propagation": "rprivate"}},
		},
		"mounts": []any{map[string]any{"type": "bind", "source": outside, "target": "/named"}},
	})
	if err := os.WriteFile(filepath.Join(task.Dir, "local", "seen"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := b.run(task), "two\nrefused\ntmpfs\n1777\nseen\n"; got != want {
		t.Errorf("the task saw %q, want %q", got, want)
	}
	for file, want := range map[string]string{filepath.Join(task.Dir, "data/one"): "one\n", filepath.Join(outside, "two"): "two\n", filepath.Join(outside, "four"): "four\n"} {
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}

func TestWithoutVolumesATaskHasItsAllocationsDirectoryOnly(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false}})
	task := b.task("ls /data /shared", map[string]any{"volumes": []any{"local/data:/data", "../alloc:/shared"}})
	if got := b.run(task); !strings.Contains(got, "logs") {
		t.Errorf("the task saw %q", got)
	}
	for _, source := range []string{"/etc", "../../..", "local/link", "local/link/ssl"} {
		for _, config := range []map[string]any{
			{"volumes": []any{source + ":/x"}},
			{"mount": map[string]any{"type": "bind", "source": source, "target": "/x"}},
			{"security_opt": []any{"seccomp=" + source}},
		} {
			task := b.task("true", config)
			if err := os.Symlink("/etc", filepath.Join(task.Dir, "local", "link")); err != nil {
				t.Fatal(err)
			}
			_, err := b.driver.Start(b.ctx, task)
			var invalid *api.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "volumes { enabled = true }") {
				t.Errorf("%v: got %v", config, err)
			}
		}
	}
}

func TestVolumeMountsAreGivenToTheTask(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false}})
	outside := t.TempDir()
	mount := func(at string, flags uintptr) {
		t.Helper()
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		if err := unix.Mount("", at, "", flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	mount(outside, unix.MS_SHARED)
	later := filepath.Join(outside, "later")
	if err := os.Mkdir(later, 0o700); err != nil {
		t.Fatal(err)
	}
	task := b.task(`
		echo here > /srv/data/file; echo x > /srv/ro/x || echo refused; echo ready
		until [ -e /srv/data/later/file ]; do sleep 0.01; done; ls /srv/private/later`, nil)
	task.Mounts = append(task.Mounts,
		driver.Mount{Source: outside, Target: "/srv/data", Propagation: "host-to-task"},
		driver.Mount{Source: outside, Target: "/srv/private", Propagation: "private"},
		driver.Mount{Source: outside, Target: "/srv/ro", ReadOnly: true})
	h := b.start(task)
	b.awaitOutput(task, "ready")
	mount(later, unix.MS_SHARED)
	if err := os.WriteFile(filepath.Join(later, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wait(h)
	if got := b.output(task.Stdout); got != "refused\nready\n" {
		t.Errorf("the task said %q", got)
	}
	if text, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(text) != "here\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestASeccompProfileIsReadFromTheTasksDirectory(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false}})
	task := b.task("mkdir /tmp/x && echo made || echo refused", map[string]any{"security_opt": []any{"seccomp=local/profile.json"}})
	profile := `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}`
	if err := os.WriteFile(filepath.Join(task.Dir, "local", "profile.json"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.run(task); got != "refused\n" {
		t.Errorf("the task said %q", got)
	}
}

func TestATaskThatNeedsTooMuchMemoryIsReportedAsSuch(t *testing.T) {
	b := newBench(t, nil)
	task := b.task(`exec python3 -c 'bytearray(1 << 28)'`, nil)
	task.Resources.Memory.MemoryMB = 16
	if result := b.wait(b.start(task)); !result.OOMKilled || result.Successful() {
		t.Errorf("result %+v", result)
	}
}

func TestWhatTheEngineCanNotGiveIsNotLeftOutSilently(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		config map[string]any
		want   string
	}{
		{map[string]any{"gpus": 1}, "could not select device driver"},
		{map[string]any{"gpus": []any{"GPU-1"}}, "could not select device driver"},
		{map[string]any{"runtime": "nvidia"}, "nvidia"},
		{map[string]any{"network_mode": "no-such-network"}, "no-such-network"},
		{map[string]any{"storage_opt": map[string]any{"size": "1G"}}, "quotas"},
	} {
		h, err := b.driver.Start(b.ctx, b.task("true", c.config))
		if err == nil {
			b.destroy(h)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v", c.config, err)
		}
	}
	task := b.task("true", map[string]any{"network_mode": "bridge", "mac_address": "02:42:00:00:00:07"})
	h, err := b.driver.Start(b.ctx, task)
	if err != nil {
		if !strings.Contains(err.Error(), "mac_address: is not supported by this node's engine") {
			t.Error(err)
		}
		return
	}
	defer b.destroy(h)
	if got := b.inspect(h).NetworkSettings.Networks["bridge"].MacAddress.String(); got != "02:42:00:00:00:07" {
		t.Errorf("the address is %s", got)
	}
}
