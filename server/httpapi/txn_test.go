package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/reconcile/jobs"
	"github.com/droverhq/drover/store"
)

// outside makes a transaction as a program outside of the servers does.
func (c *cluster) outside(writes ...store.Write) answered {
	c.t.Helper()
	var in api.TxnRequest
	for _, w := range writes {
		if w.Put == nil {
			key := api.TxnKey(w.Delete)
			in.Writes = append(in.Writes, api.TxnWrite{Delete: &key})
			continue
		}
		stored, err := api.Store(w.Put)
		if err != nil {
			c.t.Fatal(err)
		}
		in.Writes = append(in.Writes, api.TxnWrite{Put: stored})
	}
	return c.do(http.MethodPut, "/v1/txn", body(c.t, in))
}

// written are the writes by which a controller registers a job.
func (c *cluster) written(j *api.Job) []store.Write {
	c.t.Helper()
	j.Namespace, j.Region = new(api.DefaultNamespace), new("global")
	jobspec.Canonicalize(j)
	txn, err := jobs.Register(c.store.Snapshot(), j, time.Unix(1, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	return txn.Writes
}

func (c *cluster) refusedOutside(status int, want string, writes ...store.Write) {
	c.t.Helper()
	if a := c.outside(writes...); a.status != status || !strings.Contains(string(a.body), want) {
		c.t.Errorf("%d %s, want %d %s", a.status, a.body, status, want)
	}
}

func TestACircleOfDependenciesIsRefusedFromOutsideToo(t *testing.T) {
	c := newCluster(t)
	c.register(dependent("a", "b"))
	c.refusedOutside(400, "no job of a circle", c.written(dependent("b", "a").Job)...)
	both := append(c.written(dependent("x", "y").Job), c.written(dependent("y", "x").Job)...)
	c.refusedOutside(400, "no job of a circle", both...)
	both = append(c.written(dependent("x", "y").Job), c.written(dependent("y").Job)...)
	if a := c.outside(both...); a.status != 200 {
		t.Errorf("a job with what it depends on: %d %s", a.status, a.body)
	}
}

func TestVersionsFromOutsideAreTheNextOfTheirJob(t *testing.T) {
	c := newCluster(t)
	writes := c.written(dependent("a").Job)
	forged := *writes[0].Put.(*api.Job)
	forged.Version = new(uint64(7))
	c.refusedOutside(409, "the next is 0", store.Put(&forged), store.Put(&api.JobVersion{Job: &forged}))
	c.refusedOutside(400, "written without its job", append(writes, store.Put(&api.JobVersion{Job: &forged}))...)
	if a := c.outside(writes...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestNoStatusFromOutsideOutlivesItsObject(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	c.must("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "x"}}`, nil)
	key := api.Key{Kind: "backup_policy", Namespace: "default", ID: "nightly"}
	status := &api.ResourceStatus{Kind: "backup_policy", Namespace: "default", Name: "nightly", Status: api.Values{"n": int64(1)}}
	c.refusedOutside(404, "not found", store.Delete(key), store.Put(status))
	if a := c.outside(store.Put(status)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := c.outside(store.Delete(key)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, ok := c.store.Snapshot().Get(status.Key()); ok {
		t.Error("the status of what was deleted is left")
	}
	object := &api.Resource{Kind: "backup_policy", Namespace: "default", Name: "nightly", Spec: api.Values{"schedule": "x"}}
	if a := c.outside(store.Put(status), store.Put(object)); a.status != 200 {
		t.Errorf("an object with its status: %d %s", a.status, a.body)
	}
}

func TestAStatusIsWrittenOnlyOfAnObjectThatStays(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	c.must("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "x"}}`, nil)
	status := &api.ResourceStatus{Kind: "backup_policy", Namespace: "default", Name: "nightly"}
	admitted, err := newOutsideTxn(c.store.Snapshot(), store.Txn{Writes: []store.Write{store.Put(status)}}).admit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.must("DELETE", "/v1/resource/backup_policy/nightly", "", nil)
	if _, err := c.store.Apply(t.Context(), admitted); !isConflict(err) {
		t.Errorf("%v, want a conflict", err)
	}
}

func TestTransactionsFromOutsideHaveALimit(t *testing.T) {
	c := newCluster(t)
	var writes []store.Write
	for n := range maxOutsideWrites + 1 {
		writes = append(writes, store.Delete(api.Key{Kind: "backup_policy", Namespace: "default", ID: strconv.Itoa(n)}))
	}
	c.refusedOutside(413, "it may have 1000", writes...)
	if a := c.outside(writes[1:]...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWhatServersKeepForThemselvesIsNotWrittenFromOutside(t *testing.T) {
	c := newCluster(t)
	before := c.store.Snapshot().Index()
	for _, o := range []api.Object{
		&api.Leadership{}, &api.JobStatus{Namespace: "default", JobID: "a"}, &api.JobAdmission{Namespace: "default", JobID: "a", Admitted: true},
		&api.Node{ID: "n"}, &api.NodeStatus{NodeID: "n"}, &api.Allocation{ID: "a"}, &api.AllocationStatus{ID: "a"},
		&api.Namespace{Name: "x"}, &api.KindDefinition{Name: "backup_policy"}, &api.Deployment{ID: "d"},
	} {
		c.refusedOutside(501, "from outside of a server", store.Put(o))
		c.refusedOutside(501, "from outside of a server", store.Delete(o.Key()))
	}
	if after := c.store.Snapshot().Index(); after != before {
		t.Errorf("something was written: index %d, was %d", after, before)
	}
}
