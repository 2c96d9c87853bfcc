package faults

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// cable is a server and two nodes on a network of their own. The cable is that of node
// one.
type cable struct {
	server, one, two *cluster.Agent
	host             *cluster.Host // of node one
}

func wire(t *testing.T, config string) cable {
	t.Helper()
	lan := cluster.NewLAN(t)
	start := func(o cluster.Options) (*cluster.Agent, *cluster.Host) {
		h := lan.Host()
		o.Place = &h.Place
		return cluster.Start(t, o), h
	}
	var c cable
	c.server, _ = start(cluster.Options{Role: cluster.Server, Config: "server {\n session_timeout = \"4s\"\n" + config + "\n}"})
	c.one, c.host = start(cluster.Options{Role: cluster.Node, Name: "one", Server: c.server})
	c.two, _ = start(cluster.Options{Role: cluster.Node, Name: "two", Server: c.server})
	return c
}

// cut is a job of one instance that prefers node one, and what becomes of it when the
// cable is cut, and when it is whole again.
type cut struct {
	id         string
	disconnect string // in the block of that name; "": there is none
	unknown    bool   // while the cable is cut, rather than lost
	ends       bool   // its task ends, on the node that is cut off
	home       string // the node on which it runs at last
}

var cuts = []cut{
	{id: "lost-at-once", home: "two"},
	{id: "original", disconnect: `lost_after = "1h"; reconcile = "keep_original"`, unknown: true, home: "one"},
	{id: "replacement", disconnect: `lost_after = "1h"; reconcile = "keep_replacement"`, unknown: true, home: "two"},
	{id: "longest", disconnect: `lost_after = "1h"; reconcile = "longest_running"`, unknown: true, home: "one"},
	{id: "best", disconnect: `lost_after = "1h"; reconcile = "best_score"`, unknown: true, home: "one"},
	{id: "ends", disconnect: `stop_on_client_after = "1s"`, ends: true, home: "two"},
}

// seconds tell the tasks of the job from those of others.
func (c cut) seconds() int {
	return 100100 + slices.IndexFunc(cuts, func(other cut) bool { return other.id == c.id })
}

func (c cut) file(t *testing.T) string {
	t.Helper()
	disconnect := ""
	if c.disconnect != "" {
		disconnect = "disconnect { " + c.disconnect + " }"
	}
	return jobFile(t, fmt.Sprintf(`
job "%s" { group "g" { %s
  affinity { attribute = "$${node.unique.name}"; value = "one"; weight = 100 }
  task "t" { driver = "raw_exec"; kill_timeout = "1s"; config { command = "/bin/sleep"; args = ["%d"] }
    resources { cpu = 10; memory = 10 }
  } } }`, c.id, disconnect, c.seconds()))
}

// tasks counts the job's processes on a node.
func (c cut) tasks(node *cluster.Agent) int {
	return node.CommandLines()[fmt.Sprintf("/bin/sleep %d", c.seconds())]
}

// told is what the server says of the job's instance on a node: what is wanted, and what
// is so. With several there it is the one that is not to stop, or else any.
func (c cut) told(ctx context.Context, w cable, node string) string {
	said := ""
	for _, s := range w.server.Allocs(ctx, c.id) {
		if s.NodeName == node && (said == "" || s.DesiredStatus == api.AllocDesiredRun) {
			said = s.DesiredStatus + " " + s.ClientStatus
		}
	}
	return said
}

// apart reports whether all is as it should be while the cable is cut.
func (c cut) apart(ctx context.Context, w cable) bool {
	there, old := 1, "stop lost"
	switch {
	case c.ends:
		there = 0
	case c.unknown:
		old = "run unknown"
	}
	return c.tasks(w.one) == there && c.tasks(w.two) == 1 &&
		c.told(ctx, w, "one") == old && c.told(ctx, w, "two") == "run running"
}

// reunited reports whether the job has come to rest: one task, where it should be, the
// server says so, and everything else has ended.
func (c cut) reunited(ctx context.Context, w cable) bool {
	home, away := w.one, w.two
	if c.home == "two" {
		home, away = away, home
	}
	if c.tasks(home) != 1 || c.tasks(away) != 0 || c.told(ctx, w, c.home) != "run running" {
		return false
	}
	running := 0
	for _, s := range w.server.Allocs(ctx, c.id) {
		switch {
		case s.DesiredStatus == api.AllocDesiredRun && s.ClientStatus == api.AllocClientRunning:
			running++
		case s.ClientStatus != api.AllocClientComplete && s.ClientStatus != api.AllocClientLost:
			return false
		}
	}
	return running == 1
}

func TestANodeThatIsCutOffIsReplacedAndOfTwoOneStaysWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := wire(t, `heartbeat_grace = "4s"`)
	for _, c := range cuts {
		w.server.Must(0, "job", "run", "-detach", c.file(t))
	}
	for _, c := range cuts {
		w.server.Await(c.id+" to run on node one", func(ctx context.Context) bool {
			return c.tasks(w.one) == 1 && c.told(ctx, w, "one") == "run running"
		})
	}
	before := w.one.Processes()

	w.host.Unplug()
	for _, c := range cuts {
		w.server.Await(c.id+" to be replaced", func(ctx context.Context) bool {
			if c.ends && c.tasks(w.one)+c.tasks(w.two) > 1 {
				t.Fatalf("%s runs on both nodes", c.id)
			}
			return c.apart(ctx, w)
		})
	}

	w.host.Plug()
	for _, c := range cuts {
		w.server.Await(c.id+" to rest on node "+c.home, func(ctx context.Context) bool { return c.reunited(ctx, w) })
	}
	w.one.AwaitNode(api.NodeReady)
	for _, c := range cuts { // nothing that came to rest was moved by what came to rest later
		if !c.reunited(t.Context(), w) {
			t.Errorf("%s runs %d times on node one and %d times on node two", c.id, c.tasks(w.one), c.tasks(w.two))
		}
	}
	for _, pid := range w.one.Processes() {
		if !slices.Contains(before, pid) {
			t.Errorf("process %d was started on node one, where its like ran all along", pid)
		}
	}
}

func TestACutThatLastsAMomentReplacesNothing(t *testing.T) {
	t.Parallel()
	w := wire(t, `heartbeat_grace = "2m"`)
	for _, c := range cuts {
		if !c.ends { // that may end by itself
			w.server.Must(0, "job", "run", "-detach", c.file(t))
		}
	}
	w.server.Await("all to run on node one", func(context.Context) bool { return len(w.one.Processes()) == len(cuts)-1 })
	before := w.one.Processes()

	heard := strings.Count(w.server.Log(), "node connected")
	w.host.Unplug()
	w.server.Await("the session to end", func(context.Context) bool {
		return strings.Contains(w.server.Log(), "node disconnected")
	})
	w.host.Plug()
	w.server.Await("the node to come back", func(context.Context) bool {
		return strings.Count(w.server.Log(), "node connected") > heard
	})

	if after := w.one.Processes(); !slices.Equal(before, after) || len(w.two.Processes()) != 0 {
		t.Errorf("tasks %v became %v, and %v on the other node", before, after, w.two.Processes())
	}
	for _, c := range cuts {
		if allocs := w.server.Allocs(t.Context(), c.id); !c.ends && (len(allocs) != 1 || c.told(t.Context(), w, "one") != "run running") {
			t.Errorf("%s: %d allocations, that on node one is to %s", c.id, len(allocs), c.told(t.Context(), w, "one"))
		}
	}
	stayedReady(t, w)
}

// stayedReady expects that node one was never anything else since it was first.
func stayedReady(t *testing.T, w cable) {
	t.Helper()
	nodes, _, err := w.server.Client.Nodes.List(t.Context(), false, client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		node, _, err := w.server.Client.Nodes.Get(t.Context(), n.ID, client.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range node.Events {
			if strings.Contains(e.Message, "missed") || node.Status != api.NodeReady {
				t.Errorf("node %s is %s: %s", node.Name, node.Status, e.Message)
			}
		}
	}
}

// A network that is cut is one that only this test has.
func TestAHostIsOnItsOwnNetwork(t *testing.T) {
	t.Parallel()
	h := cluster.NewLAN(t).Host()
	var inside string
	err := h.Enter(func() (err error) {
		inside, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	})
	outside, failed := os.Readlink("/proc/thread-self/ns/net")
	if err != nil || failed != nil || inside == outside {
		t.Errorf("inside %q, %v; outside %q, %v", inside, err, outside, failed)
	}
}
