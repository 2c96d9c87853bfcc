package docker_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
)

// everything has each key of a task's config that the driver knows.
func everything() map[string]any {
	block := func(m map[string]any) []any { return []any{m} }
	return map[string]any{
		"image": "x:1", "load": "x.tar", "force_pull": true, "image_pull_timeout": "10m", "auth_soft_fail": true,
		"auth":    block(map[string]any{"username": "u", "password": "p", "email": "e", "server_address": "s"}),
		"command": "c", "args": []any{"a"}, "entrypoint": []any{"e"}, "work_dir": "/w", "tty": true, "interactive": true, "init": true,
		"labels": block(map[string]any{"l": "v"}), "hostname": "h", "healthchecks": block(map[string]any{"disable": true}),
		"logging": block(map[string]any{"type": "json-file", "config": block(map[string]any{"max-size": "1m"})}),
		"ports":   []any{"http"}, "port_map": block(map[string]any{"http": 80}), "network_mode": "n", "network_aliases": []any{"a"},
		"ipv4_address": "10.0.0.1", "ipv6_address": "fd00::1", "mac_address": "02:00:00:00:00:01", "dns_servers": []any{"10.0.0.1"},
		"dns_search_domains": []any{"d"}, "dns_options": []any{"ndots:1"}, "extra_hosts": []any{"h:10.0.0.1"},
		"volumes": []any{"a:/a", "b:/b:ro"}, "devices": block(map[string]any{"host_path": "/dev/null", "container_path": "/dev/x", "cgroup_permissions": "r"}),
		"mount": []any{
			map[string]any{"type": "bind", "source": "a", "target": "/a", "readonly": true, "bind_options": block(map[string]any{"propagation": "rprivate"})},
			map[string]any{"type": "tmpfs", "target": "/t", "tmpfs_options": block(map[string]any{"size": 1000, "mode": 511})},
			map[string]any{"source": "v", "target": "/v", "volume_options": block(map[string]any{"no_copy": true, "labels": block(map[string]any{"a": "b"})})},
		},
		"mounts": []any{map[string]any{"target": "/m"}}, "gpus": "all", "readonly_rootfs": true, "shm_size": 1000, "tmpfs": []any{"/run:size=1m"},
		"storage_opt": block(map[string]any{"size": "1G"}), "cap_add": []any{"CHOWN"}, "cap_drop": []any{"all"}, "privileged": false,
		"security_opt": []any{"no-new-privileges"}, "group_add": []any{"10"}, "sysctl": block(map[string]any{"net.core.somaxconn": "16"}),
		"ulimit": block(map[string]any{"nofile": "10:20"}), "pid_mode": "host", "ipc_mode": "private", "uts_mode": "host",
		"userns_mode": "host", "cgroupns": "private", "runtime": "runc", "pids_limit": 10, "oom_score_adj": 100, "cpu_hard_limit": true,
		"cpu_cfs_period": 50000, "cpuset_cpus": "0", "memory_hard_limit": 512,
	}
}

func validate(t *testing.T, plugin, config map[string]any) error {
	t.Helper()
	o, err := docker.ParseOptions(plugin)
	if err != nil {
		t.Fatal(err)
	}
	d := docker.New(o)
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	return d.Validate(config)
}

func TestEveryKeyOfATasksConfigIsKnown(t *testing.T) {
	if err := validate(t, nil, everything()); err != nil {
		t.Error(err)
	}
}

func TestWhatATaskMayNotHaveIsRefusedByName(t *testing.T) {
	for key, c := range map[string]struct {
		value  any
		reason string
	}{
		"image":                     {"", "is missing"},
		"imagine":                   {"x", `did you mean "image"?`},
		"isolation":                 {"hyperv", "is not supported: it is of Windows"},
		"advertise_ipv6_address":    {true, "is not supported"},
		"container_exists_attempts": {5, "is not supported"},
		"privileged":                {true, "allow_privileged"},
		"cap_add":                   {[]any{"NET_ADMIN"}, "net_admin is not allowed on this node: its operator allows it with allow_caps"},
		"runtime":                   {"kata", "allow_runtimes"},
		"volume_driver":             {"local", "volumes { enabled = true }"},
		"mount":                     {map[string]any{"target": "/x", "volume_options": map[string]any{"driver_config": map[string]any{"name": "local"}}}, "volumes { enabled = true }"},
		"mounts":                    {map[string]any{"type": "npipe", "target": "/x"}, `"npipe" is none of bind, volume, tmpfs`},
		"pids_limit":                {100, "is more than the 50"},
		"oom_score_adj":             {-5, "is between 0 and 1000"},
		"dns_servers":               {[]any{"example.com"}, "is not an IP address"},
		"extra_hosts":               {[]any{"nonsense"}, "is not NAME:ADDRESS"},
		"volumes":                   {[]any{"nonsense"}, "is not SOURCE:TARGET"},
		"devices":                   {map[string]any{"cgroup_permissions": "x"}, "is not of r, w and m"},
		"port_map":                  {map[string]any{"http": 70000}, "is not a port"},
		"ulimit":                    {map[string]any{"nonsense": "1"}, "invalid ulimit type"},
		"cpu_cfs_period":            {10, "is between 1000 and 1000000"},
		"gpus":                      {"some", "is all, how many"},
		"logging":                   {map[string]any{"config": map[string]any{"a": "b"}}, "is missing: say what the options are for"},
	} {
		config := map[string]any{"image": "x", "pids_limit": 10}
		maps.Copy(config, map[string]any{key: c.value})
		err := validate(t, map[string]any{"pids_limit": 50}, config)
		var invalid *api.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.reason) || !strings.HasPrefix(invalid.Fields[0].Field, key) {
			t.Errorf("%s: got %v\nwant %s", key, err, c.reason)
		}
	}
}

func TestAnOperatorAllowsMore(t *testing.T) {
	plugin := map[string]any{
		"allow_privileged": true, "allow_caps": []any{"CAP_NET_ADMIN", "chown"}, "allow_runtimes": []any{"kata"},
		"volumes": []any{map[string]any{"enabled": true}},
	}
	config := map[string]any{"image": "x", "privileged": true, "cap_add": []any{"net_admin"}, "runtime": "kata", "volume_driver": "local"}
	if err := validate(t, plugin, config); err != nil {
		t.Error(err)
	}
	if err := validate(t, map[string]any{"allow_caps": []any{"all"}}, map[string]any{"image": "x", "cap_add": []any{"all", "sys_admin"}}); err != nil {
		t.Error(err)
	}
}

func TestAWrongConfigurationOfTheDriverIsNamed(t *testing.T) {
	_, err := docker.ParseOptions(map[string]any{
		"allow_priviliged": true, "extra_labels": []any{"job*", "color"}, "image_pull_timeout": "soon",
		"gc":                                     []any{map[string]any{"image_dealy": "1m", "dangling_containers": map[string]any{"period": "1ms"}}},
		"windows_allow_insecure_container_admin": true,
	})
	for _, want := range []string{
		`allow_priviliged: is unknown; did you mean "allow_privileged"?`, `"color" is none of`, `"soon" is not a duration`,
		`gc.image_dealy: is unknown; did you mean "image_delay"?`, "gc.dangling_containers.period", "windows_allow_insecure_container_admin: is not supported",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
