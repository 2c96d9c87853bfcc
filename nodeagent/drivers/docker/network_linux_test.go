package docker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// serve is a script that answers each connection to a port with a word.
func serve(port, word string) string {
	return fmt.Sprintf(`exec python3 -c 'import socket, sys
s = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b"%s\n")
    c.close()' %s`, word, port)
}

func TestPortsArePublished(t *testing.T) {
	b := newBench(t, nil)
	for _, config := range []map[string]any{
		{"ports": []any{"http"}},
		{"port_map": []any{map[string]any{"http": 8080}}},
	} {
		config["network_mode"] = "bridge"
		task := b.task(serve("$NOMAD_PORT_http", "hello"), config)
		task.Ports = []api.AllocatedPort{{Label: "http", Value: 23456, To: 8080, HostIP: "127.0.0.1"}, {Label: "other", Value: 23457}}
		task.Env["NOMAD_PORT_http"] = "8080"
		if config["port_map"] != nil { // the port that it is mapped to is the driver's to say
			task.Ports[0].To, task.Env["NOMAD_PORT_http"] = 0, "23456"
		}
		h := b.start(task)
		b.awaitOutput(task, "ready")
		conn, err := b.engine.dial("127.0.0.1:23456")
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err := errors.Join(err, conn.Close()); err != nil || line != "hello\n" {
			t.Errorf("%v: got %q, %v", config, line, err)
		}
		b.destroy(h)
	}
}

func TestAPortThatIsNotTheTasksIsRefused(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.driver.Start(b.ctx, b.task("true", map[string]any{"network_mode": "bridge", "ports": []any{"nope"}}))
	var invalid *api.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), `"nope" is no port`) {
		t.Errorf("got %v", err)
	}
}

func TestATakenPortMayBeFreeTheNextTime(t *testing.T) {
	b := newBench(t, nil)
	ports := []api.AllocatedPort{{Label: "http", Value: 23458, HostIP: "127.0.0.1"}}
	config := map[string]any{"network_mode": "bridge", "ports": []any{"http"}}
	first := b.task("sleep 1000", config)
	first.Ports = ports
	b.start(first)
	second := b.task("true", config)
	second.Ports = ports
	_, err := b.driver.Start(b.ctx, second)
	var told interface{ Recoverable() bool }
	if !errors.As(err, &told) || !told.Recoverable() {
		t.Errorf("got %v", err)
	}
}

func TestATaskIsKnownInANetworkOfTheEngine(t *testing.T) {
	b := newBench(t, nil)
	made, err := b.engine.cli.NetworkCreate(b.ctx, "drovertest", client.NetworkCreateOptions{
		Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("10.214.0.0/24")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := b.engine.cli.NetworkRemove(context.Background(), made.ID, client.NetworkRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	server := b.task(serve("80", "found"), map[string]any{"network_mode": "drovertest", "network_aliases": []any{"shop"}, "ipv4_address": "10.214.0.77"})
	h := b.start(server)
	b.awaitOutput(server, "ready")
	client := b.task(`python3 -c 'import socket; print(socket.gethostbyname("shop"), socket.create_connection(("shop", 80)).recv(9))'`, map[string]any{"network_mode": "drovertest"})
	if got := b.run(client); got != "10.214.0.77 b'found\\n'\n" {
		t.Errorf("the other task saw %q", got)
	}
	b.destroy(h)
}

func TestAnAllocationHasANetworkOfItsOwn(t *testing.T) {
	b := newBench(t, map[string]any{"gc": map[string]any{"image": false}})
	task := b.task(`
		echo "ns=$(readlink /proc/self/ns/net)"; echo "hostname=$(cat /proc/sys/kernel/hostname)"; echo "links=$(ls /sys/class/net | tr '\n' ' ')"
		echo "hosts=$(grep -c 'gateway' /etc/hosts)$(grep -c 10.1.1.1 /etc/hosts)"; echo "resolv=$(cat /etc/resolv.conf | tr '\n' ';')"`, map[string]any{
		"extra_hosts": []any{"db:10.1.1.1"},
	})
	delete(task.Config, "network_mode")
	n, err := b.driver.MakeNetwork(b.ctx, task.AllocID, "web-1")
	if err != nil {
		t.Fatal(err)
	}
	remove := func() {
		if err := b.driver.RemoveNetwork(context.Background(), task.AllocID); err != nil {
			t.Error(err)
		}
	}
	defer remove()
	if again, err := b.driver.MakeNetwork(b.ctx, task.AllocID, "web-1"); err != nil || again != n {
		t.Errorf("made again: %+v, %v; first %+v", again, err, n)
	}
	if info, err := os.Stat(n.Namespace); err != nil || info.IsDir() {
		t.Errorf("namespace %s: %v", n.Namespace, err)
	}
	hosts, resolv := filepath.Join(b.dir, "hosts"), filepath.Join(b.dir, "resolv")
	if err := errors.Join(os.WriteFile(hosts, []byte("10.0.0.1 gateway\n"), 0o644), os.WriteFile(resolv, []byte("nameserver 10.0.0.53\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	task.Network = n
	task.Network.Hosts, task.Network.Resolv = hosts, resolv
	got := facts(b.run(task))
	for name, want := range map[string]string{"hostname": "web-1", "links": "lo ", "hosts": "11", "resolv": "nameserver 10.0.0.53;"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	pause, err := b.engine.cli.ContainerInspect(b.ctx, n.Owner, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pause.Container.State.Pid)); err != nil || ns != got["ns"] {
		t.Errorf("the task is in %s, its allocation's network is %s, %v", got["ns"], ns, err)
	}
	remove()
	// The engine removes the file some time later.
	var at unix.Statfs_t
	if err := unix.Statfs(n.Namespace, &at); err == nil && at.Type == unix.NSFS_MAGIC {
		t.Error("the namespace is left")
	}
}

func TestWhatIsTheAllocationsATaskCanNotSay(t *testing.T) {
	b := newBench(t, nil)
	task := b.task("true", map[string]any{"hostname": "x", "network_mode": "host"})
	task.Network = driver.Network{Owner: "x", Namespace: "y"}
	_, err := b.driver.Start(b.ctx, task)
	if err == nil || !strings.Contains(err.Error(), "hostname: is the allocation's") || !strings.Contains(err.Error(), "network_mode: is the allocation's") {
		t.Errorf("got %v", err)
	}
	task.Network.Owner = ""
	if _, err := b.driver.Start(b.ctx, task); !errors.Is(err, api.ErrNotSupported) {
		t.Errorf("a network that others made: got %v", err)
	}
}

func TestAnOperatorsImageHoldsTheNetwork(t *testing.T) {
	own := newBench(t, nil)
	made, err := own.driver.MakeNetwork(own.ctx, "alloc-own", "")
	if err != nil {
		t.Fatal(err)
	}
	inspect := func(b *bench, n driver.Network) string {
		got, err := b.engine.cli.ContainerInspect(b.ctx, n.Owner, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return got.Container.Config.Image
	}
	image := inspect(own, made)
	if !strings.HasPrefix(image, "drover/pause:") {
		t.Errorf("the image is %s", image)
	}
	if _, err := own.engine.cli.ImageTag(own.ctx, client.ImageTagOptions{Source: image, Target: "drovertest/infra:1"}); err != nil {
		t.Fatal(err)
	}
	own.forget("drovertest/infra:1")
	b := newBench(t, map[string]any{"infra_image": "drovertest/infra:1"})
	n, err := b.driver.MakeNetwork(b.ctx, "alloc-infra", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := inspect(b, n); got != "docker.io/drovertest/infra:1" {
		t.Errorf("the image is %s", got)
	}
	if err := errors.Join(own.driver.RemoveNetwork(b.ctx, "alloc-own"), b.driver.RemoveNetwork(b.ctx, "alloc-infra")); err != nil {
		t.Error(err)
	}
}
