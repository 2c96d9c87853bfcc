package networks

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/nodeagent/network/networktest"
	"github.com/droverhq/drover/test/cluster"
)

func TestMain(m *testing.M) {
	networktest.Enter()
	cluster.Main(m)
}

// agent starts an agent whose CNI plugins are those of the machine.
func agent(t *testing.T, config string) *cluster.Agent {
	t.Helper()
	networktest.Need(t)
	return cluster.Start(t, cluster.Options{Config: config})
}

// only waits until a job has one allocation that runs, and returns it.
func only(t *testing.T, a *cluster.Agent, job string) *api.Allocation {
	t.Helper()
	var found *api.Allocation
	a.Await("an allocation of "+job, func(ctx context.Context) bool {
		for _, al := range a.Allocs(ctx, job) {
			if al.ClientStatus != api.AllocClientRunning {
				continue
			}
			var err error
			found, _, err = a.Client.Allocations.Get(ctx, al.ID, client.Query{})
			return err == nil
		}
		return false
	})
	return found
}

func address(al *api.Allocation) string {
	p := al.AllocatedResources.Shared.Ports[0]
	return fmt.Sprintf("%s:%d", p.HostIP, p.Value)
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("missing %q in:\n%s", w, text)
		}
	}
}

func TestTasksOfAGroupShareANetworkThatOutlivesThemAndTheAgent(t *testing.T) {
	a := agent(t, "")
	job := "pair.nomad.hcl"
	contains(t, a.Must(0, "job", "run", job), "Deployment completed successfully") // the checks reach it by both addresses
	al := only(t, a, "pair")
	own := al.NetworkStatus
	if own == nil || own.InterfaceName != "eth0" || !strings.HasPrefix(own.Address, "172.26.") || own.DNS == nil || own.DNS.Servers[0] != "192.0.2.53" {
		t.Fatalf("network status %+v", own)
	}
	contains(t, a.Must(0, "service", "info", "pair"), own.Address+":80")
	contains(t, a.Must(0, "alloc", "status", al.ID), "Allocation Addresses (mode = \"bridge\")", address(al)+" -> 80")
	contains(t, a.Must(0, "alloc", "exec", "-task", "client", al.ID, "ip", "-4", "-o", "addr"), "eth0    inet "+own.Address)
	seen := func() string { return a.Must(0, "alloc", "logs", al.ID, "client") }
	a.Await("the one task to reach the other", func(context.Context) bool { return strings.Contains(seen(), "reached") })
	host, port, _ := strings.Cut(address(al), ":")
	contains(t, seen(), "NOMAD_IP_http="+host+"\n", "NOMAD_PORT_http=80\n", "NOMAD_ADDR_http="+address(al)+"\n",
		"NOMAD_HOST_PORT_http="+port+"\n", "NOMAD_HOST_ADDR_http="+address(al)+"\n", "NOMAD_ALLOC_PORT_http=80\n",
		"NOMAD_ALLOC_IP_http="+own.Address+"\n", "NOMAD_ALLOC_ADDR_http="+own.Address+":80\n", "NOMAD_ALLOC_INTERFACE_http=eth0\n",
		"nameserver 192.0.2.53\n", own.Address+"\tpair-0\n")

	a.Kill()
	if err := cluster.Fetch(t.Context(), address(al)); err != nil {
		t.Errorf("without an agent: %v", err)
	}
	a.Start()
	a.Await("the agent to have its session again", func(context.Context) bool {
		_, code := a.Drover("alloc", "fs", al.ID)
		return code == 0
	})
	only(t, a, "pair")
	a.Must(0, "job", "restart", "-yes", "pair")
	a.Await("the restarted task", func(ctx context.Context) bool { return cluster.Fetch(ctx, address(al)) == nil })
	if again := only(t, a, "pair"); again.ID != al.ID || again.NetworkStatus.Address != own.Address {
		t.Errorf("allocation %s at %+v, was %s at %+v", again.ID, again.NetworkStatus, al.ID, own)
	}
}

func TestAGroupWaitsForANodeThatCanGiveItsNetwork(t *testing.T) {
	a := agent(t, "client {\ncni_path = \"/nonexistent\"\n}")
	out, _ := a.Drover("job", "plan", "pair.nomad.hcl")
	contains(t, out, "${attr.plugins.cni.version.bridge} semver >= 0.4.0")
}

func TestAPortOfAHostNetworkIsOnItsAddressAlone(t *testing.T) {
	networktest.Need(t)
	for _, args := range []string{"link add far type veth peer name near", "addr add 10.9.0.1/24 dev far", "link set far up", "link set near up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	a := agent(t, "client {\nhost_network \"far\" {\ncidr = \"10.9.0.0/24\"\nreserved_ports = \"22\"\n}\n}")
	a.Must(0, "job", "run", "-detach", "far.nomad.hcl")
	al := only(t, a, "far")
	if host, _, _ := strings.Cut(address(al), ":"); host != "10.9.0.1" {
		t.Fatalf("the port is at %s", address(al))
	}
	a.Await("the page", func(ctx context.Context) bool { return cluster.Fetch(ctx, address(al)) == nil })
	if err := cluster.Fetch(t.Context(), strings.Replace(address(al), "10.9.0.1", "127.0.0.1", 1)); err == nil {
		t.Error("the port is mapped on other addresses too")
	}
}

func TestNamesCanBeAskedElsewhereInTheNetworkOfTheNode(t *testing.T) {
	a := agent(t, "")
	a.Must(0, "job", "run", "-detach", "names.nomad.hcl")
	a.AwaitSummary("names", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == 1 })
	contains(t, a.Must(0, "alloc", "logs", a.Allocs(t.Context(), "names")[0].ID), "nameserver 192.0.2.53\n", "search example.com\n")
}
