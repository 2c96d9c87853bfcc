package network_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/network"
	"github.com/droverhq/drover/nodeagent/network/networktest"
)

func TestMain(m *testing.M) {
	networktest.Enter()
	os.Exit(m.Run())
}

func manager(t *testing.T, o network.Options) *network.Manager {
	t.Helper()
	networktest.Need(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	return network.New(o)
}

func build(t *testing.T, m *network.Manager, r network.Request) network.Site {
	t.Helper()
	if r.AllocID == "" {
		r.AllocID = uuid.NewString()
	}
	site, err := m.Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, m, r.AllocID) })
	return site
}

func remove(t *testing.T, m *network.Manager, id string) {
	t.Helper()
	if err := m.Remove(context.WithoutCancel(t.Context()), id); err != nil {
		t.Error(err)
	}
}

// in runs f on a thread that is in a network namespace.
func in(t *testing.T, namespace string, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		fd, err := unix.Open(namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// serve answers HTTP in a namespace.
func serve(t *testing.T, namespace string, port int, answer string) {
	t.Helper()
	s := &httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	})}}
	in(t, namespace, func() error {
		var err error
		s.Listener, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	})
	s.Start()
	t.Cleanup(s.Close)
}

func get(t *testing.T, address string) (string, error) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(resp.Body)
	return string(b), errors.Join(err, resp.Body.Close())
}

func TestABridgeLeadsPortsOfTheNodeIntoTheAllocation(t *testing.T) {
	m := manager(t, network.Options{Wildcard: true})
	one := build(t, m, network.Request{
		AllocID: "one", Mode: "bridge",
		Ports: []api.AllocatedPort{{Label: "http", Value: 20080, To: 80, HostIP: "127.0.0.1"}, {Label: "same", Value: 20081, HostIP: "127.0.0.1"}},
	})
	two := build(t, m, network.Request{AllocID: "two", Mode: "bridge"})
	if one.Status.InterfaceName != "eth0" || !strings.HasPrefix(one.Status.Address, "172.26.6") || one.Status.Address == two.Status.Address {
		t.Fatalf("status %+v and %+v", one.Status, two.Status)
	}
	serve(t, one.Network.Namespace, 80, "mapped")
	serve(t, one.Network.Namespace, 20081, "same")
	for address, want := range map[string]string{
		"127.0.0.1:20080": "mapped", "127.0.0.1:20081": "same", net.JoinHostPort(one.Status.Address, "80"): "mapped",
		"172.26.64.1:20080": "mapped", // any address of the node
	} {
		if got, err := get(t, address); got != want {
			t.Errorf("%s answers %q, %v", address, got, err)
		}
	}
	in(t, two.Network.Namespace, func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(one.Status.Address, "80"), 5*time.Second)
		if err != nil {
			return fmt.Errorf("from one allocation to another: %w", err)
		}
		return c.Close()
	})
	again, err := m.Make(t.Context(), network.Request{AllocID: "one", Mode: "bridge"})
	if err != nil || again.Status.Address != one.Status.Address || again.Network != one.Network {
		t.Errorf("asked for again: %+v, %v", again, err)
	}
}

func TestNothingIsLeftOfARemovedNetwork(t *testing.T) {
	dir := t.TempDir()
	m := manager(t, network.Options{Dir: dir, Bridge: network.Bridge{SubnetIPv6: "fd00:a110:c8::/64"}})
	ports := []api.AllocatedPort{{Label: "http", Value: 20080, HostIP: "127.0.0.1"}}
	request := network.Request{AllocID: "one", Mode: "bridge", Ports: ports}
	build(t, m, request)
	remove(t, m, "one") // what all share stays
	before := networktest.List(t)
	site := build(t, m, request)
	if len(networktest.List(t).Since(before)) == 0 {
		t.Fatal("nothing was made")
	}
	if site.Status.AddressIPv6 == "" {
		t.Errorf("no address of IPv6: %+v", site.Status)
	}
	remove(t, m, "one")
	if left := networktest.List(t).Since(before); len(left) > 0 {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
	remove(t, m, "one") // a second time
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("records left: %v, %v", names, err)
	}
}

// A plugin that fails, at each place in the list, leaves nothing behind.
func TestAFailingPluginLeavesNothingBehind(t *testing.T) {
	networktest.Need(t)
	build(t, manager(t, network.Options{}), network.Request{Mode: "bridge"}) // what all share
	before := networktest.List(t)
	for _, broken := range []string{"bridge", "firewall", "portmap"} {
		t.Run(broken, func(t *testing.T) {
			plugins := t.TempDir()
			for _, name := range (network.Bridge{}).Plugins() {
				script := fmt.Sprintf("#!/bin/sh\nexec %s/%s\n", networktest.PluginFolder(), name)
				if name == broken {
					script = fmt.Sprintf("#!/bin/sh\n%s/%s >$0.out || exit 1\n[ $CNI_COMMAND = DEL ] && exit 0\necho '{\"code\":7,\"msg\":\"out of order\"}'\nexit 1\n",
						networktest.PluginFolder(), name)
				}
				if err := os.WriteFile(filepath.Join(plugins, name), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			dir := t.TempDir()
			m := manager(t, network.Options{Dir: dir, PluginPath: []string{plugins}})
			_, err := m.Make(t.Context(), network.Request{AllocID: "one", Mode: "bridge", Ports: []api.AllocatedPort{{Value: 20080}}})
			if err == nil || !strings.Contains(err.Error(), "out of order") {
				t.Errorf("got %v", err)
			}
			if left := networktest.List(t).Since(before); len(left) > 0 {
				t.Errorf("left:\n%s", strings.Join(left, "\n"))
			}
		})
	}
}

func TestANetworkOfNoneHasOnlyLoopback(t *testing.T) {
	m := manager(t, network.Options{})
	site := build(t, m, network.Request{Mode: "none"})
	in(t, site.Network.Namespace, func() error {
		all, err := net.Interfaces()
		if err == nil && (len(all) != 1 || all[0].Flags&net.FlagUp == 0) {
			err = fmt.Errorf("interfaces %v", all)
		}
		return err
	})
}

func TestANetworkOfTheOperatorsIsFoundByItsName(t *testing.T) {
	config := t.TempDir()
	text := `{"cniVersion": "0.4.0", "name": "mynet", "type": "ptp", "ipMasq": false,
		"ipam": {"type": "host-local", "subnet": "10.99.0.0/24"}, "dns": {"nameservers": ["10.99.0.53"]}}`
	if err := os.WriteFile(filepath.Join(config, "10-mine.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "20-broken.conflist"), []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := network.Configured(config)
	if !slices.Equal(names, []string{"mynet"}) || err == nil {
		t.Errorf("configured: %v, %v", names, err)
	}
	m := manager(t, network.Options{ConfigDir: config})
	site := build(t, m, network.Request{Mode: "cni/mynet", Args: map[string]string{"COLOUR": "blue"}})
	if !strings.HasPrefix(site.Status.Address, "10.99.0.") || site.Status.DNS == nil || site.Status.DNS.Servers[0] != "10.99.0.53" {
		t.Errorf("status %+v", site.Status)
	}
	if _, err := m.Make(t.Context(), network.Request{AllocID: "x", Mode: "cni/other"}); err == nil || !strings.Contains(err.Error(), config) {
		t.Errorf("a network that is not configured: %v", err)
	}
}

func TestAfterARestartOfTheMachineTheNetworkIsMadeAnew(t *testing.T) {
	m := manager(t, network.Options{})
	request := network.Request{AllocID: "one", Mode: "bridge"}
	build(t, m, request)
	remove(t, m, "one")
	before := networktest.List(t)
	site := build(t, m, request)
	if out, err := exec.Command("umount", site.Network.Namespace).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	again := build(t, m, request)
	in(t, again.Network.Namespace, func() error {
		_, err := net.InterfaceByName("eth0")
		return err
	})
	if out, err := exec.Command("umount", again.Network.Namespace).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	remove(t, m, "one")
	if left := networktest.List(t).Since(before); len(left) > 0 {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
}

func TestOnlyWhatNobodyKnowsIsSweptAway(t *testing.T) {
	dir := t.TempDir()
	m := manager(t, network.Options{Dir: dir})
	others := build(t, manager(t, network.Options{}), network.Request{Mode: "bridge"})
	kept := build(t, m, network.Request{AllocID: "kept", Mode: "bridge"})
	lost := build(t, m, network.Request{AllocID: "lost", Mode: "bridge"})
	if err := os.MkdirAll(filepath.Join(dir, "begun"), 0o700); err != nil { // killed before it wrote anything
		t.Fatal(err)
	}
	if err := m.Sweep(t.Context(), func(id string) bool { return id == "kept" }); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		others.Network.Namespace: true, kept.Network.Namespace: true, lost.Network.Namespace: false, filepath.Join(dir, "begun"): false,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What a plugin does that goes on after its agent was killed is not undone half way.
func TestWhoComesAfterAKilledAgentWaitsForItsPlugins(t *testing.T) {
	m := manager(t, network.Options{})
	build(t, m, network.Request{AllocID: "one", Mode: "none"})
	remove(t, m, "one")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "one"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "one", "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	straggler := exec.Command("cat") // until its input ends
	straggler.ExtraFiles = []*os.File{lock}
	input, err := straggler.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(straggler.Start(), lock.Close()); err != nil {
		t.Fatal(err)
	}
	m = manager(t, network.Options{Dir: dir})
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err := m.Make(ctx, network.Request{AllocID: "one", Mode: "none"}); !errors.Is(err, stopped) {
		t.Errorf("made while a plugin runs: %v", err)
	}
	if err := errors.Join(input.Close(), straggler.Wait()); err != nil {
		t.Fatal(err)
	}
	build(t, m, network.Request{AllocID: "one", Mode: "none"})
}

func TestTasksFindNames(t *testing.T) {
	system := t.TempDir()
	if err := os.MkdirAll(filepath.Join(system, "run/systemd/resolve"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(system, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(system, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("etc/resolv.conf", "nameserver 127.0.0.53\n")
	write("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\n")
	m := manager(t, network.Options{System: system})
	named := build(t, m, network.Request{
		Mode: "bridge", Hostname: "web-1", DNS: &api.DNSConfig{Servers: []string{"192.0.2.9"}, Searches: []string{"a.example", "b.example"}, Options: []string{"ndots:2"}},
	})
	plain := build(t, m, network.Request{Mode: "none"})
	host := build(t, m, network.Request{Mode: "host", DNS: &api.DNSConfig{Servers: []string{"192.0.2.8"}}})
	for path, want := range map[string]string{
		named.Network.Hosts:  named.Status.Address + "\tweb-1\n",
		named.Network.Resolv: "nameserver 192.0.2.9\nsearch a.example b.example\noptions ndots:2\n",
		plain.Network.Resolv: "nameserver 192.0.2.1\n", // systemd's own server can't be reached from there
		host.Network.Resolv:  "nameserver 192.0.2.8\n",
	} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if host.Network.Namespace != "" || host.Network.Hosts != "" || named.Status.DNS == nil {
		t.Errorf("host: %+v; named: %+v", host.Network, named.Status)
	}
}

// owner is a driver that makes namespaces with the machine's own command.
type owner struct{ t *testing.T }

func (owner) Networks() {}

func (o owner) MakeNetwork(_ context.Context, allocID, _ string) (driver.Network, error) {
	out, err := exec.Command("ip", "netns", "add", "owned-"+allocID).CombinedOutput()
	if err != nil {
		o.t.Logf("%s", out)
	}
	return driver.Network{Namespace: "/var/run/netns/owned-" + allocID, Owner: "container-" + allocID}, err
}

func (o owner) RemoveNetwork(_ context.Context, allocID string) error {
	return exec.Command("ip", "netns", "del", "owned-"+allocID).Run()
}

func TestADriverMayOwnTheNamespace(t *testing.T) {
	m := manager(t, network.Options{Owners: map[string]driver.NetworkOwner{"docker": owner{t}}})
	site, err := m.Make(t.Context(), network.Request{AllocID: "one", Mode: "bridge", Owner: "docker"})
	if err != nil {
		t.Fatal(err)
	}
	if site.Network.Owner != "container-one" || site.Status.Address == "" {
		t.Errorf("site %+v", site)
	}
	remove(t, m, "one")
	if _, err := os.Stat(site.Network.Namespace); err == nil {
		t.Error("its namespace is left")
	}
}
