package reconciletest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

var someStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func nothingStored(api.Key) (api.Object, bool) { return nil, false }

func TestObjectsReadAsTheyAreWritten(t *testing.T) {
	text := `Job shop
  Name: Shop of all
  Type: service
  Priority: 70
  Datacenters: dc1, dc2
  TaskGroups.web.Name: web
  TaskGroups.web.Count: 3
  TaskGroups.web.Tasks.app.Name: app
  TaskGroups.web.Tasks.app.Driver: raw_exec
  TaskGroups.web.ReschedulePolicy.Delay: 30s
  Meta.a.b: c
  Stop: true
Allocation a1
  NodeID: n1
  DesiredTransition.Reschedule: true
  DeploymentStatus.Healthy: false
  DeploymentStatus.Timestamp: +1m30s
  RescheduleTracker.Events.0.RescheduleTime: -2h0m0s
  RescheduleTracker.Events.0.Delay: 5s
  Usage.CPU: 100
AllocationStatus a1
  TaskStates.app.State: running
  TaskStates.app.Restarts: 2
  TaskStates.app.StartedAt: +10s
Deployment other/d1
  TaskGroups.web.DesiredTotal: 3
`
	n := notation{start: someStart}
	objects, err := n.parse(text, nothingStored)
	if err != nil {
		t.Fatal(err)
	}
	s := scribe{notation: n, names: map[string]string{}, ids: map[string]string{}}
	var b strings.Builder
	for _, o := range objects {
		b.WriteString(s.show(o))
	}
	want := strings.ReplaceAll(text, "Deployment other/d1", "Deployment d1") // its key has no namespace
	if b.String() != want {
		t.Errorf("written:\n%s", b.String())
	}
	if d := objects[3].(*api.Deployment); d.Namespace != "other" {
		t.Errorf("the deployment is in namespace %q", d.Namespace)
	}
}

func TestKeysOfEveryKindAreRead(t *testing.T) {
	for _, kind := range api.Kinds() {
		id := "x"
		if kind == api.KindJobVersion || kind == api.KindJobSubmission {
			id = "x@3"
		}
		key, err := parseKey(fmt.Sprintf("%s %s", kind, id))
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		single := kind == api.KindLeadership || kind == api.KindSchedulerConfiguration // there is one, whatever it is called
		if !single && (key.Kind != kind || key.ID != id) {
			t.Errorf("%s %s has key %s", kind, id, key)
		}
	}
}

func TestStoredObjectIsChangedOnlyInWhatIsGiven(t *testing.T) {
	stored := &api.Node{ID: "n1", Name: "one", NodeClass: "big"}
	n := notation{start: someStart}
	objects, err := n.parse("Node n1\n  Name: two\n", func(k api.Key) (api.Object, bool) { return stored, k == stored.Key() })
	if err != nil {
		t.Fatal(err)
	}
	if got := objects[0].(*api.Node); got.Name != "two" || got.NodeClass != "big" || stored.Name != "one" {
		t.Errorf("read %+v, stored %+v", got, stored)
	}
}

func TestMistakesAreNamedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"Nod n1":                                `line 1 (Nod n1): there is no kind "Nod"`,
		"Node n1\n  Colour: red":                "line 2 (Colour: red): api.Node has no field Colour",
		"  Name: x":                             "line 1 (Name: x): a field without an object",
		"Job j\n  TaskGroups.web.Count: many":   "line 2",
		"Job j\n  Datacenters.x.y: 1":           "line 2",
		"JobVersion j":                          `job version ID "j" has no @`,
		"NodeStatus n1\n  Events.7.Message: x":  "there are only 0 elements",
		"NodeStatus n1\n  Events.x.Message: x":  "have no name",
		"NodeStatus n1\n  UpdatedAt: +tomorrow": "a moment is given as",
	} {
		_, err := notation{start: someStart}.parse(text, nothingStored)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
