package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/droverhq/drover/api"
)

func load(t *testing.T, args ...string) (*Agent, []string, error) {
	t.Helper()
	f := new(Flags)
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parse %v: %v", args, err)
	}
	return Load(f)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesOfAFolderAreMergedInNameOrderAndFlagsWin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "20-client.hcl", `
		datacenter = "east"
		client {
		  enabled = true
		  servers = ["10.0.0.2"]
		  meta { rack = "r2" }
		  options = { "driver.raw_exec.enable" = "1" }
		  max_kill_timeout = "1m"
		  reserved {
		    memory = 256
		    cores  = "0-1"
		  }
		  host_volume "certs" {
		    path      = "/etc/certs"
		    read_only = true
		  }
		}`)
	write(t, dir, "10-base.json", `{
		"datacenter": "west", "data_dir": "/var/lib/drover", "ports": {"http": 5646},
		"client": {"servers": ["10.0.0.1:5647"], "meta": {"rack": "r1", "row": "7"}}
	}`)
	write(t, dir, "README", "not a configuration")

	a, notes, err := load(t, "-config", dir, "-dc", "north", "-meta", "shelf=3")
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
	if a.Datacenter != "north" || a.DataDir != "/var/lib/drover" || a.Ports.HTTP != 5646 || a.Ports.RPC != 4647 {
		t.Errorf("datacenter %q, data_dir %q, ports %+v", a.Datacenter, a.DataDir, a.Ports)
	}
	if diff := cmp.Diff([]string{"10.0.0.1:5647", "10.0.0.2:4647"}, a.SessionServers()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"rack": "r2", "row": "7", "shelf": "3"}, a.Client.Meta); diff != "" {
		t.Error(diff)
	}
	if !a.DriverOption("raw_exec") || a.Client.MaxKillTimeout != time.Minute || a.Client.Reserved.Memory != 256 ||
		a.Client.Reserved.Cores != "0-1" || a.Client.HostVolumes["certs"] != (HostVolume{Path: "/etc/certs", ReadOnly: true}) {
		t.Errorf("client: %+v", a.Client)
	}
}

func TestANewClusterBeginsWithTheSchedulerConfigurationOfItsFile(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.hcl", `
		data_dir = "/var/lib/drover"
		server {
		  enabled = true
		  default_scheduler_config {
		    scheduler_algorithm             = "spread"
		    memory_oversubscription_enabled = true
		    preemption_config {
		      batch_scheduler_enabled = true
		    }
		  }
		}`)
	a, notes, err := load(t, "-config", file)
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	want := &api.SchedulerConfiguration{
		SchedulerAlgorithm: api.AlgorithmSpread, MemoryOversubscriptionEnabled: true,
		PreemptionConfig: api.PreemptionConfig{SystemSchedulerEnabled: true, BatchSchedulerEnabled: true},
	}
	if diff := cmp.Diff(want, a.Server.DefaultScheduler.Configuration()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(api.DefaultSchedulerConfiguration(), Default().Server.DefaultScheduler.Configuration()); diff != "" {
		t.Error(diff)
	}
	wrong := write(t, dir, "b.hcl", "server {\n  default_scheduler_config { scheduler_algorithm = \"random\" }\n}")
	if _, _, err := load(t, "-config", file, "-config", wrong); err == nil || !strings.Contains(err.Error(), `"random" is neither binpack nor spread`) {
		t.Errorf("a wrong algorithm: %v", err)
	}
}

func TestWrongKeysAreNamedWithTheirPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.hcl", "datacentre = \"x\"\n", `a.hcl:1,1-11: Unsupported argument; An argument named "datacentre" is not expected here. Did you mean "datacenter"?`},
		{"b.hcl", "server {\n  enabld = true\n}\n", `b.hcl:2,3-9: Unsupported argument; An argument named "enabld" is not expected here. Did you mean "enabled"?`},
		{"c.hcl", "clint {\n}\n", `c.hcl:1,1-6: Unsupported block type; Blocks of type "clint" are not expected here. Did you mean "client"?`},
		{"d.hcl", "server {\n  job_gc_threshold = \"soon\"\n}\n", `"soon" is not a duration; write it as "30s" or "1h30m"`},
		{"e.hcl", "ports {\n  http = 1.5\n}\n", `e.hcl:2,10-13: Wrong value; http: a whole number is required.`},
		{"f.json", `{"data_dri": "/x"}`, `f.json:1,2-12`},
		{"g.hcl", strings.Repeat("a{", 500), "nested more than 100 deep"},
		{"h.hcl", "server {", "h.hcl:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, t.TempDir(), test.name, test.text)
			_, _, err := load(t, "-config", path)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestKeysWithoutEffectAreNoted(t *testing.T) {
	path := write(t, t.TempDir(), "a.hcl", `
		data_dir = "/d"
		telemetry { publish_allocation_metrics = true }
		server {
		  enabled = true
		  raft_multiplier = 3
		}
		plugin "podman" {
		  config { allow_privileged = true }
		}`)
	a, notes, err := load(t, "-config", path)
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 2 || !strings.HasSuffix(notes[0], "telemetry has no effect yet") ||
		!strings.HasSuffix(notes[1], "server.raft_multiplier has no effect yet") {
		t.Errorf("notes: %q", notes)
	}
	if a.Plugins["podman"].Config["allow_privileged"] != true {
		t.Errorf("plugins: %v", a.Plugins)
	}
}

func TestADriversSettingsMayHaveBlocks(t *testing.T) {
	hcl := `
		plugin "docker" {
		  config {
		    endpoint = "unix:///run/engine"
		    gc {
		      image = false
		      dangling_containers { period = "1m" }
		    }
		  }
		}`
	json := `{"plugin": {"docker": {"config": {"endpoint": "unix:///run/engine", "gc": [{"image": false, "dangling_containers": [{"period": "1m"}]}]}}}}`
	want := map[string]any{"endpoint": "unix:///run/engine", "gc": []any{map[string]any{
		"image": false, "dangling_containers": []any{map[string]any{"period": "1m"}},
	}}}
	for name, text := range map[string]string{"a.hcl": hcl, "a.json": json} {
		a, notes, err := load(t, "-dev", "-config", write(t, t.TempDir(), name, text))
		if err != nil || len(notes) > 0 {
			t.Fatal(err, notes)
		}
		if diff := cmp.Diff(want, a.Plugins["docker"].Config); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEverythingInvalidIsReportedAtOnce(t *testing.T) {
	path := write(t, t.TempDir(), "a.hcl", `server { session_timeout = "16s" }`)
	_, _, err := load(t, "-config", path, "-log-level", "loud", "-server", "-bootstrap-expect", "3", "-data-dir", "rel", "-http-port", "4647")
	var invalid *api.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"log_level", "data_dir", "ports.rpc", "server.bootstrap_expect", "server.session_timeout"}, fields); diff != "" {
		t.Error(diff)
	}
}

func TestAHostVolumeHasADirectory(t *testing.T) {
	for _, text := range []string{`host_volume "data" {}`, `host_volume "data" { path = "srv" }`, `host_volume "" { path = "/srv" }`} {
		path := write(t, t.TempDir(), "a.hcl", "data_dir = \"/d\"\nclient {\nenabled = true\nservers = [\"x\"]\n"+text+"\n}")
		if _, _, err := load(t, "-config", path); err == nil || !strings.Contains(err.Error(), "client.host_volume") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestNetworksOfAllocationsAreMadeAsTheConfigurationSays(t *testing.T) {
	const client = "data_dir = \"/d\"\nclient {\nenabled = true\nservers = [\"x\"]\n%s\n}"
	file := write(t, t.TempDir(), "a.hcl", fmt.Sprintf(client, `
		cni_path                    = "/a/bin:/b/bin"
		cni_config_dir              = "/a/config"
		bridge_network_name         = "drover"
		bridge_network_subnet       = "10.1.0.0/16"
		bridge_network_subnet_ipv6  = "fd00::/64"
		bridge_network_hairpin_mode = true
		host_network "public" {
		  cidr           = "203.0.113.0/24,2001:db8::/32"
		  interface      = "eth1"
		  reserved_ports = "22,80"
		}`))
	a, notes, err := load(t, "-config", file)
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	c := a.Client
	if c.CNIPath != "/a/bin:/b/bin" || c.CNIConfigDir != "/a/config" || c.BridgeName != "drover" || c.BridgeSubnet != "10.1.0.0/16" ||
		c.BridgeSubnetIPv6 != "fd00::/64" || !c.BridgeHairpin || !c.WildcardPorts ||
		c.HostNetworks["public"] != (HostNetwork{CIDR: "203.0.113.0/24,2001:db8::/32", Interface: "eth1", ReservedPorts: "22,80"}) {
		t.Errorf("client: %+v", c)
	}
	for _, text := range []string{
		`bridge_network_name = "much-too-long-a-name"`, `bridge_network_subnet = "fd00::/64"`, `bridge_network_subnet_ipv6 = "10.0.0.0/8"`,
		`cni_path = "bin"`, `host_network "x" {}`, `host_network "x" { cidr = "10.0.0.1" }`,
	} {
		path := write(t, t.TempDir(), "a.hcl", fmt.Sprintf(client, text))
		if _, _, err := load(t, "-config", path); err == nil || !strings.Contains(err.Error(), "client.") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestSampleFilesAreValid(t *testing.T) {
	for _, args := range [][]string{
		{"-dev", "-config", "samples/dev.hcl"},
		{"-config", "samples/server.hcl"},
		{"-config", "samples/client.hcl"},
	} {
		if _, notes, err := load(t, args...); err != nil || len(notes) > 0 {
			t.Errorf("%v: %v, notes %v", args, err, notes)
		}
	}
}

func TestAddresses(t *testing.T) {
	a, _, err := load(t, "-dev")
	if err != nil {
		t.Fatal(err)
	}
	a.Advertise.RPC = "192.0.2.7"
	a.Advertise.HTTP = "192.0.2.8:80"
	a.Addresses.Serf = `{{ GetAllInterfaces | include "name" "^lo$" | include "type" "ipv4" | attr "address" }}`
	for _, test := range []struct {
		got  func() (string, error)
		want string
	}{
		{func() (string, error) { return a.Listen(HTTP) }, "127.0.0.1:4646"},
		{func() (string, error) { return a.Listen(Serf) }, "127.0.0.1:4648"},
		{func() (string, error) { return a.AdvertiseAddr(Raft, 1234) }, "127.0.0.1:1234"},
		{func() (string, error) { return a.AdvertiseAddr(RPC, 4647) }, "192.0.2.7:4647"},
		{func() (string, error) { return a.AdvertiseAddr(HTTP, 4646) }, "192.0.2.8:80"},
	} {
		if got, err := test.got(); err != nil || got != test.want {
			t.Errorf("got %q, %v; want %q", got, err, test.want)
		}
	}
}

func FuzzOverlayNeverPanics(f *testing.F) {
	f.Add("a.hcl", "server { enabled = true }\nclient { meta = { a = 1 } }")
	f.Add("a.json", `{"server": [{"enabled": true}], "plugin": {"x": {"config": {"a": [1]}}}}`)
	f.Add("a.hcl", `plugin "x" { config { a = null b = { c = [1, "x"] } } }`)
	f.Fuzz(func(t *testing.T, name, text string) {
		a := Default()
		if _, err := a.overlay(name, []byte(text)); err == nil {
			_ = a.Validate()
		}
	})
}

func TestWhatNothingAsksForIsNoted(t *testing.T) {
	path := write(t, t.TempDir(), "agent.hcl", `
		data_dir = "/var/lib/drover"
		ports { raft = 4700 }
		advertise { serf = "10.0.0.1" }
		server { enabled = true }
		client {
		  enabled = true
		  server_join { retry_max = 3 }
		  options = { "driver.raw_exec.enable" = "1", "user.denylist" = "root", "driver.java.enable" = "1" }
		}
		plugin "raw_exec" {
		  config {
		    enabled       = true
		    no_such_thing = true
		  }
		}
		plugin "podman" {
		  config { allow_privileged = true }
		}`)
	_, notes, err := load(t, "-config", path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(notes, "\n")
	for _, what := range []string{
		"ports.raft", "advertise.serf", "client.server_join.retry_max", `client.options: "user.denylist"`,
		`client.options: "driver.java.enable"`, `plugin "raw_exec": no_such_thing`,
	} {
		if !strings.Contains(all, what+" has no effect yet") {
			t.Errorf("no note about %s in\n%s", what, all)
		}
	}
	if len(notes) != 6 {
		t.Errorf("notes: %q", notes)
	}
}

func TestADriverIsSwitchedOnByTrueOnly(t *testing.T) {
	path := write(t, t.TempDir(), "agent.hcl", `
		data_dir = "/var/lib/drover"
		client {
		  enabled = true
		  servers = ["10.0.0.1"]
		}
		plugin "raw_exec" {
		  config { enabled = 1 }
		}`)
	if _, _, err := load(t, "-config", path); err == nil || !strings.Contains(err.Error(), "enabled is true or false") {
		t.Error(err)
	}
}

func TestProfilesAreShownOnlyByWhomIsToldTo(t *testing.T) {
	dir := t.TempDir()
	on, off := write(t, dir, "on.hcl", "enable_debug = true"), write(t, dir, "off.hcl", "enable_debug = false")
	for _, test := range []struct {
		args []string
		want bool
	}{
		{[]string{"-server", "-data-dir", dir}, false},
		{[]string{"-server", "-data-dir", dir, "-config", on}, true},
		{[]string{"-dev"}, true},
		{[]string{"-dev", "-config", off}, false},
	} {
		if a, notes, err := load(t, test.args...); err != nil || len(notes) > 0 || a.EnableDebug != test.want {
			t.Errorf("%v: enable_debug %t, notes %v, %v", test.args, a != nil && a.EnableDebug, notes, err)
		}
	}
}
