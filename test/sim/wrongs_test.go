package sim

import (
	"errors"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// wrong is something that must not be, done to a world by hand, and which invariant finds
// it: just that one.
type wrong struct {
	breaks  string
	history string // up to it
	do      func(w *scene)
}

const (
	oneNode   = "node n1\n"
	full      = oneNode + "apply s1 count=2 cpu=600\nadvance 10s"                                                    // there is room for s1.web[0] only
	claims    = oneNode + "volume v1\napply s1 csi=single-node-writer\napply s2 csi=single-node-writer\nadvance 10s" // s1 has it
	serves    = oneNode + "apply s1 count=3 parallel=1\nadvance 1m"
	rollsOut  = serves + "\napply s1 count=3 parallel=1 v=2"
	batch     = oneNode + "apply b1 run=done:5s\nadvance 10s"
	array     = oneNode + "apply a1 completions=3 parallelism=1 run=forever\nadvance 10s"
	arrayDone = oneNode + "apply a1 completions=2 parallelism=2 run=done:5s\nadvance 10s"
)

var wrongs = []wrong{
	{"noNodeIsOvercommitted", full, func(w *scene) {
		a := w.fresh("s1.web[1]", "n1")
		a.Usage = w.alloc("s1.web[0]").Usage
		w.write(a)
	}},
	{"claimsAreKept", claims, func(w *scene) {
		a := w.fresh("s2.web[0]", "n1")
		a.Claims = w.alloc("s1.web[0]").Claims
		w.write(a)
	}},
	{"volumesStayWhileUsed", claims, func(w *scene) { w.remove(w.model.volumes["v1"]) }},
	{"stickyVolumesAreFoundAgain", oneNode + "node n2\napply s1 sticky\nadvance 10s", func(w *scene) {
		for _, claim := range w.model.claims {
			moved := *claim
			moved.VolumeID = nodeID("n3")
			w.write(&moved)
		}
	}},
	{"placementsAreAllowed", full + "\nnode n2\neligibility n2 ineligible", func(w *scene) {
		w.write(w.fresh("s1.web[5]", "n2"))
	}},
	{"preemptionsHaveACause", serves, func(w *scene) {
		a := w.alloc("s1.web[0]")
		a.DesiredStatus = api.AllocDesiredEvict
		w.write(a)
	}},
	{"namesAreUnique", full, func(w *scene) {
		first := w.alloc("s1.web[0]")
		first.Lost = api.AllocClientUnknown
		w.write(first)
		w.write(w.fresh("s1.web[0]", "n1"))
		first.Lost = ""
		w.write(first)
	}},
	{"placesAreTakenOnce", full, func(w *scene) { w.write(w.fresh("s1.web[0]", "n1")) }},
	{"neverMoreThanAskedFor", serves, func(w *scene) { w.write(w.fresh("s1.web[3]", "n1")) }},
	{"onlyWhatIsAskedFor", serves, func(w *scene) {
		j := *w.model.job("s1")
		j.Stop = new(true)
		w.put(user, &j)
	}},
	{"chainsAreLinear", serves, func(w *scene) {
		a := w.alloc("s1.web[0]")
		a.NextAllocation = w.alloc("s1.web[1]").ID
		w.write(a)
	}},
	{"whatEndedStaysEnded", serves + "\nstop s1\nadvance 10s", func(w *scene) {
		a := w.alloc("s1.web[0]")
		a.DesiredStatus = api.AllocDesiredRun
		w.write(a)
	}},
	{"lostNodesLoseTheirInstances", serves, func(w *scene) {
		w.write(&api.NodeStatus{NodeID: nodeID("n1"), Status: api.NodeDown})
	}},
	{"failuresAreReplacedByPolicy", oneNode + "apply s1 run=crash:1s attempts=0\nadvance 10s", func(w *scene) {
		failed, next := w.alloc("s1.web[0]"), w.fresh("s1.web[0]", "n1")
		failed.DesiredStatus, failed.NextAllocation = api.AllocDesiredStop, next.ID
		next.PreviousAllocation = failed.ID
		next.RescheduleTracker = &api.RescheduleTracker{Events: []*api.RescheduleEvent{{PrevAllocID: failed.ID}}}
		w.write(failed, next)
	}},
	{"oneRolloutAtATime", rollsOut, func(w *scene) {
		another := w.rollout("s1")
		another.ID = w.newID()
		w.write(another)
	}},
	{"rolloutsKeepTheirPace", rollsOut, func(w *scene) {
		old := w.another("s1", 0)
		old.DeploymentStatus = &api.AllocDeploymentStatus{Healthy: new(false)} // so that it is no loss
		w.write(old)
		next := w.fresh(old.Name, "n1")
		next.DeploymentID, next.PreviousAllocation = w.rollout("s1").ID, old.ID
		old.DesiredStatus, old.DesiredDescription, old.NextAllocation = api.AllocDesiredStop, stoppedForUpdate, next.ID
		w.write(old, next)
	}},
	{"haltedRolloutsGoNoFurther", oneNode + "apply s1 count=2 cpu=600 parallel=1\nadvance 1s\nsteer s1 pause", func(w *scene) {
		a := w.fresh("s1.web[1]", "n1")
		a.DeploymentID = w.rollout("s1").ID
		w.write(a)
	}},
	{"updatesLeaveEnoughUp", serves, func(w *scene) {
		for _, name := range []string{"s1.web[0]", "s1.web[1]"} {
			w.write(stoppedFor(w.alloc(name)))
		}
	}},
	{"rolloutsCountRight", rollsOut, func(w *scene) {
		d := w.rollout("s1")
		state := *d.TaskGroups["web"]
		state.HealthyAllocs += 2
		d.TaskGroups = map[string]*api.DeploymentState{"web": &state}
		w.write(d)
	}},
	{"revertsDoNotLoop", serves, func(w *scene) {
		for range 2 {
			j := *w.model.job("s1")
			w.write(&j)
		}
	}},
	{"evaluationsAreAnswered", serves, func(w *scene) {
		w.write(&api.Evaluation{ID: w.newID(), Namespace: api.DefaultNamespace, JobID: "s1", Status: api.EvalPending})
	}},
	{"jobStatusSaysWhatIsSo", serves, func(w *scene) {
		s := w.status("s1")
		s.Status = api.JobStatusDead
		w.write(s)
	}},
	{"whoWaitsHasAReason", serves, func(w *scene) {
		s := w.status("s1")
		s.Queued = map[string]int{"web": 1}
		w.write(s)
	}},
	{"nothingInUseIsCollected", serves, func(w *scene) { w.remove(w.model.jobs["s1"].versions[0]) }},
	{"oldVersionsWaitForPromotion", oneNode + "apply s1 count=3 parallel=3\nadvance 1m\napply s1 count=3 parallel=3 canary=1 v=2", func(w *scene) {
		w.write(stoppedFor(w.another("s1", 0)))
	}},
	{"drainsLeaveEnoughUp", serves, func(w *scene) {
		for _, name := range []string{"s1.web[0]", "s1.web[1]"} {
			w.begin()
			a := w.alloc(name)
			a.DesiredTransition = api.DesiredTransition{Migrate: new(true), MigrateWhenPlaced: new(true)}
			w.write(a)
		}
	}},
	{"launchesAreMadeOnce", oneNode + "apply p1 run=done:5s", func(w *scene) {
		child := *w.model.job("p1")
		child.ID, child.ParentID, child.Periodic = new("p1/periodic-1"), new("p1"), nil
		w.write(&child)
		w.commitBy(user, store.Delete(child.Key()))
		child.SetIndexes(0, 0)
		w.write(&child)
	}},
	{"admittedInTurn", oneNode + "apply b1 run=forever\napply w1\nadvance 10s", func(w *scene) {
		w.write(&api.JobAdmission{Namespace: api.DefaultNamespace, JobID: "w1", JobCreateIndex: *w.model.job("w1").CreateIndex, Admitted: true})
	}},
	{"whoWaitsHasNoInstances", oneNode + "apply b1 run=forever\napply w1\nadvance 10s", func(w *scene) {
		w.write(w.fresh("w1.web[0]", "n1"))
	}},
	{"eachIndexCompletesOnce", arrayDone, func(w *scene) { w.write(w.fresh("a1.web[1]", "n1")) }},
	{"parallelismIsKept", array, func(w *scene) { w.write(w.fresh("a1.web[1]", "n1")) }},
	{"progressIsTrue", array, func(w *scene) {
		s := w.status("a1")
		s.Indexed = map[string]*api.IndexProgress{"web": {Completions: 3, Completed: "0"}}
		w.write(s)
	}},
	{"progressMissesNothing", array, func(w *scene) { w.write(w.completed("a1.web[0]")) }},
	{"nothingDoneRunsOn", array, func(w *scene) { // it ended, and nobody knows that any more
		w.write(w.completed("a1.web[0]"))
		s := w.status("a1")
		s.Indexed = map[string]*api.IndexProgress{"web": {Completions: 3, Completed: "0"}}
		w.write(s)
		w.remove(w.completed("a1.web[0]"))
	}},
	{"gangsAreWhole", oneNode + "apply b1 count=3 cpu=600 gang run=forever", func(w *scene) { w.write(w.fresh("b1.web[0]", "n1")) }},
	{"nothingBeginsTooLate", oneNode + "apply b1 deadline=30s run=done:5s\nadvance 1m", func(w *scene) { w.write(w.fresh("b1.web[0]", "n1")) }},
	{"overdueJobsAreDead", oneNode + "apply b1 deadline=30s run=forever\nadvance 10s", func(w *scene) { w.now = w.now.Add(time.Minute) }},
	{"noJobGoesBeforeItsTime", batch, func(w *scene) { w.remove(w.model.job("b1"), w.status("b1")) }},
	{"finishedJobsGoInTime", oneNode + "apply b1 ttl=30s run=done:5s\nadvance 10s", func(w *scene) {
		w.now = w.now.Add(time.Minute)
		w.breaks(w.model.checkIdle())
		w.now = w.now.Add(time.Minute)
	}},
	{"tagsStayWhereTheyWerePut", serves, func(w *scene) {
		v := *w.model.jobs["s1"].versions[0]
		v.Tag = &api.JobVersionTag{Name: "good"}
		w.write(&v)
	}},
	{"healthIsEarned", rollsOut, func(w *scene) {
		for _, a := range w.model.jobs["s1"].allocs {
			if a.live() && a.JobVersion == 1 {
				well := *a.Allocation
				well.DeploymentStatus = &api.AllocDeploymentStatus{Healthy: new(true)}
				w.write(&well)
			}
		}
	}},
	{"wantedEqualsActual", serves, func(w *scene) { clear(w.fleet.find("n1").instances) }},
	{"versionsAreBounded", serves, func(w *scene) {
		for n := range uint64(trackedVersions + 1) {
			j := *w.model.job("s1")
			j.Version = new(n + 1)
			w.put(user, &api.JobVersion{Job: &j})
		}
	}},

	{deposedWriteNothing, serves, func(w *scene) {
		w.put("another server", &api.Leadership{ServerID: "server-0"})
		_, err := (&leaderStore{w.store, w.World, w.leader}).Apply(w.t.Context(), store.Txn{Writes: []store.Write{store.Put(w.alloc("s1.web[0]"))}})
		if err != nil {
			w.t.Error(err)
		}
	}},
	{controllersWork, oneNode, func(w *scene) { w.judge(0, reconcile.Request{ID: "s1"}, errors.New("it fails")) }},
	{usersAreAnswered, oneNode, func(w *scene) {
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
		w.ask(http.MethodPut, "jobs", api.JobRegisterRequest{Job: jobOf(Op{Verb: "apply", Args: []string{"s1"}})})
	}},
	{controllersRest, oneNode, func(w *scene) { // whoever opens a session loses it at once
		w.more = []invariant{{name: "thief", txn: func(_ *model, changes []change) error {
			for _, c := range changes {
				if s, ok := c.new.(*api.NodeSession); ok {
					w.remove(s)
				}
			}
			return nil
		}}}
		w.fleet.find("n1").connect()
		w.settle()
	}},
	{leadersFindNothing, oneNode, func(w *scene) { // somebody writes whenever another server leads
		w.more = []invariant{{name: "meddler", txn: func(_ *model, changes []change) error {
			for _, c := range changes {
				if _, ok := c.new.(*api.Leadership); ok {
					w.put("meddler", &api.NodePool{Name: "other"})
				}
			}
			return nil
		}}}
		w.restart()
	}},
	{nothingIsLeft, batch, func(w *scene) { // somebody evaluates a job that is gone
		w.more = []invariant{{name: "meddler", idle: func(m *model) error {
			if w.now.After(begin.Add(30*time.Hour)) && len(m.evals) == 0 {
				w.put("meddler", &api.Evaluation{ID: w.newID(), Namespace: api.DefaultNamespace, JobID: "b1", Status: api.EvalComplete, ModifyTime: w.now.UnixNano()})
			}
			return nil
		}}}
		w.end(Op{})
	}},
}

func TestEachInvariantFindsWhatIsWrong(t *testing.T) {
	for _, c := range wrongs {
		t.Run(c.breaks, func(t *testing.T) {
			w := newScene(t, c.history)
			c.do(w)
			for _, check := range []func() error{w.model.checkIdle, w.model.checkRest} {
				if w.broken == nil {
					w.breaks(check())
				}
			}
			if w.broken == nil {
				t.Fatal("nobody noticed")
			}
			for line := range strings.Lines(w.broken.Error()) {
				if name, _, _ := strings.Cut(line, ":"); name != c.breaks {
					t.Errorf("found by another one: %s", line)
				}
			}
		})
	}
}

// What is checked is what is documented, by the names of the functions, and something
// wrong is known for each.
func TestEachInvariantIsKnownByItsName(t *testing.T) {
	doc, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]int)
	for _, c := range wrongs {
		shown[c.breaks]++
	}
	names := []string{deposedWriteNothing, controllersWork, usersAreAnswered, controllersRest, leadersFindNothing, nothingIsLeft}
	for _, i := range invariants {
		names = append(names, i.name)
		asked := 0
		for _, f := range []any{i.txn, i.idle, i.rest} {
			if reflect.ValueOf(f).IsNil() {
				continue
			}
			asked++
			if function := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name(); !strings.HasSuffix(function, "."+i.name) {
				t.Errorf("%s is %s", i.name, function)
			}
		}
		if asked != 1 || !strings.Contains(string(doc), "`"+i.name+"`") {
			t.Errorf("%s: asked on %d occasions, documented: %t", i.name, asked, strings.Contains(string(doc), "`"+i.name+"`"))
		}
	}
	for _, name := range names {
		if shown[name] != 1 {
			t.Errorf("%s is shown to fail %d times", name, shown[name])
		}
	}
	if len(shown) != len(names) {
		t.Errorf("%d are shown, of %d", len(shown), len(names))
	}
}

// scene is a World in which a test does something wrong.
type scene struct {
	*World
	t *testing.T
}

// newScene returns one in which some history has happened.
func newScene(t *testing.T, history string) *scene {
	t.Helper()
	ops, err := ParseHistory(history)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := NewWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &scene{inner, t}
	for _, o := range ops {
		if err := w.Do(o); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	w.begin()
	return w
}

// begin has what comes be the writes of a pass that knows everything.
func (w *scene) begin() {
	w.basis = w.store.Snapshot().Index()
}

// write writes objects as controllers do.
func (w *scene) write(objects ...api.Object) { w.put(w.leader.name, objects...) }

// remove removes objects as controllers do.
func (w *scene) remove(objects ...api.Object) {
	var writes []store.Write
	for _, o := range objects {
		writes = append(writes, store.Delete(o.Key()))
	}
	w.commitBy(w.leader.name, writes...)
}

func (w *scene) commitBy(who string, writes ...store.Write) {
	if _, err := w.commit(who, store.Txn{Writes: writes}); err != nil {
		w.t.Error(err)
	}
}

// alloc returns a copy of the latest allocation of that name.
func (w *scene) alloc(name string) *api.Allocation {
	w.t.Helper()
	var latest *allocView
	for _, a := range w.model.alloc {
		if a.Name == name && (latest == nil || a.CreateIndex > latest.CreateIndex) {
			latest = a
		}
	}
	if latest == nil {
		w.t.Fatalf("there is no %s", name)
	}
	a := *latest.Allocation
	return &a
}

// completed returns the status by which an allocation of that name has ended well.
func (w *scene) completed(name string) *api.AllocationStatus {
	w.t.Helper()
	a := w.alloc(name)
	return &api.AllocationStatus{ID: a.ID, NodeID: a.NodeID, Namespace: a.Namespace, JobID: a.JobID, ClientStatus: api.AllocClientComplete}
}

// another returns a copy of an allocation of a job that runs that version.
func (w *scene) another(job string, version uint64) *api.Allocation {
	w.t.Helper()
	for _, a := range w.model.jobs[job].sortedAllocs() {
		if a.live() && a.JobVersion == version {
			out := *a.Allocation
			return &out
		}
	}
	w.t.Fatalf("nothing of version %d of %s runs", version, job)
	return nil
}

// fresh returns an allocation of that name (job.group[number]) which nobody has placed. It
// needs no room.
func (w *scene) fresh(name, node string) *api.Allocation {
	id, rest, _ := strings.Cut(name, ".")
	group, _, _ := strings.Cut(rest, "[")
	j := w.model.job(id)
	return &api.Allocation{
		ID: w.newID(), Namespace: api.DefaultNamespace, Name: name, NodeID: nodeID(node), NodeName: node, JobID: id,
		JobVersion: *j.Version, JobType: *j.Type, TaskGroup: group, DesiredStatus: api.AllocDesiredRun, CreateTime: w.now.UnixNano(),
	}
}

// stoppedFor returns an allocation that is stopped for a newer version.
func stoppedFor(a *api.Allocation) *api.Allocation {
	a.DesiredStatus, a.DesiredDescription = api.AllocDesiredStop, stoppedForUpdate
	return a
}

// rollout returns a copy of the rollout of a job that goes on.
func (w *scene) rollout(job string) *api.Deployment {
	w.t.Helper()
	for _, d := range w.model.jobs[job].deployments {
		if d.Active() {
			out := *d
			return &out
		}
	}
	w.t.Fatalf("%s is not rolled out", job)
	return nil
}

// status returns a copy of the status of a job.
func (w *scene) status(job string) *api.JobStatus {
	s := *w.model.jobs[job].status
	return &s
}
