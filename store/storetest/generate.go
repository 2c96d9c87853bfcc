package storetest

import (
	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// The domains are small, so that keys and values meet again.
var (
	genNamespace = rapid.SampledFrom([]string{"a", "ab", "b"})
	genJobID     = rapid.SampledFrom([]string{"web", "web-2", "db", "w"})
	genNodeID    = rapid.SampledFrom([]string{"", "n1", "n2", "n3"})
	genLost      = rapid.SampledFrom([]string{"", api.AllocClientLost, api.AllocClientUnknown})
	genStatus    = rapid.SampledFrom([]string{"", "pending", "running", "complete", "blocked"})
	genID        = rapid.StringMatching(`[ab][0-9]`)
	genValue     = rapid.SampledFrom([]string{
		"", "n1", "n2", "n3", "pending", "running", "complete", "default", store.Ended,
		store.ServiceValue("a", ""), store.VolumeValue("a", "n1"), store.VolumeValue("b", "n2"), store.ServiceValue("b", "n1"), store.ServiceValue("ab", "n2"), store.JobValue("a", "web"), store.JobValue("a", "w"), store.JobValue("ab", "db"), store.JobValue("b", "web-2"),
	})
	genIndex = rapid.SampledFrom([]store.IndexName{
		store.ByJob, store.ByOpenJob, store.ByEnd, store.ByNode, store.ByDeployment, store.ByEval, store.ByStatus, store.ByParent, store.ByPool, store.ByService, store.ByVolume,
	})
	genKind = rapid.SampledFrom([]api.Kind{
		api.KindJob, api.KindJobVersion, api.KindJobStatus, api.KindAllocation, api.KindAllocationStatus,
		api.KindEvaluation, api.KindDeployment, api.KindNode, api.KindNodeStatus, api.KindNamespace,
	})
)

var genObject = rapid.Custom(func(t *rapid.T) api.Object {
	ns, jobID, id := genNamespace.Draw(t, "namespace"), genJobID.Draw(t, "job"), genID.Draw(t, "id")
	status, node := genStatus.Draw(t, "status"), genNodeID.Draw(t, "node")
	switch kind := genKind.Draw(t, "kind"); kind {
	case api.KindJob:
		j := &api.Job{Namespace: &ns, ID: &jobID, Meta: map[string]string{"status": status}}
		if parent := genJobID.Draw(t, "parent"); parent != jobID {
			j.ParentID = &parent
		}
		return j
	case api.KindJobVersion:
		return &api.JobVersion{Job: &api.Job{Namespace: &ns, ID: &jobID, Version: new(uint64(len(status)))}, Stable: node != ""}
	case api.KindJobStatus:
		return &api.JobStatus{Namespace: ns, JobID: jobID, Status: status}
	case api.KindAllocation:
		a := &api.Allocation{ID: id, Namespace: ns, JobID: jobID, NodeID: node, DeploymentID: genNodeID.Draw(t, "deployment"), EvalID: status, Lost: genLost.Draw(t, "lost")}
		for _, volume := range rapid.SliceOfNDistinct(genNodeID, 0, 2, rapid.ID[string]).Draw(t, "volumes") {
			a.Claims = append(a.Claims, api.VolumeClaim{Volume: volume})
		}
		return a
	case api.KindAllocationStatus:
		s := &api.AllocationStatus{ID: id, Namespace: ns, JobID: jobID, NodeID: node, ClientStatus: status}
		for _, name := range rapid.SliceOfN(genNodeID, 0, 3).Draw(t, "services") {
			if name != "" { // some twice: two ports of a service
				s.Services = append(s.Services, &api.ServiceInstance{Name: name})
			}
		}
		return s
	case api.KindEvaluation:
		return &api.Evaluation{ID: id, Namespace: ns, JobID: jobID, Status: status}
	case api.KindDeployment:
		return &api.Deployment{ID: id, Namespace: ns, JobID: jobID, Status: status}
	case api.KindNode:
		return &api.Node{ID: id, NodePool: node}
	case api.KindNodeStatus:
		return &api.NodeStatus{NodeID: id, Status: status}
	default:
		return &api.Namespace{Name: ns, Description: status}
	}
})

// genTxn draws a transaction whose conditions hold more often than not.
func genTxn(t *rapid.T, m *model) store.Txn {
	var txn store.Txn
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		key := genObject.Draw(t, "condition").Key()
		c := store.Condition{Key: key, ModifyIndex: m.modified(key)}
		if rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
			c.ModifyIndex = rapid.Uint64Range(0, m.index+1).Draw(t, "index")
		}
		txn.Conditions = append(txn.Conditions, c)
	}
	written := make(map[api.Key]bool)
	for range rapid.IntRange(0, 8).Draw(t, "writes") {
		o := genObject.Draw(t, "object")
		if written[o.Key()] {
			continue
		}
		written[o.Key()] = true
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			txn.Writes = append(txn.Writes, store.Delete(o.Key()))
		} else {
			txn.Writes = append(txn.Writes, store.Put(o))
		}
	}
	return txn
}

var genQuery = rapid.Custom(func(t *rapid.T) store.Query {
	q := store.Query{Kind: genKind.Draw(t, "kind")}
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		q.Index, q.Value = genIndex.Draw(t, "index"), genValue.Draw(t, "value")
	case 1:
		if rapid.Bool().Draw(t, "in a namespace") {
			q.Namespace = genNamespace.Draw(t, "namespace")
		}
	}
	q.IDPrefix = rapid.SampledFrom([]string{"", "", "a", "b", "w", "web", "web-", "d"}).Draw(t, "prefix")
	if rapid.Bool().Draw(t, "paged") {
		o := genObject.Draw(t, "after")
		key := o.Key()
		key.Kind = q.Kind
		q.After = &key
	}
	return q
})
