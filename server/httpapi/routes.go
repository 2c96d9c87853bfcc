package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// routes is the whole API. A read names what its answer is made of, so that it can
// be waited for.
func (a *API) routes() []route {
	read := func(of topics, answer func(s store.Snapshot, c *call) (any, error)) handler {
		return read{topics: of, answer: answer}.serve
	}
	allocations := indexed(api.KindAllocation, api.KindAllocationStatus)
	evaluations := indexed(api.KindEvaluation)
	deployments := indexed(api.KindDeployment)
	jobList := kinds(api.KindJob, api.KindJobStatus, api.KindJobVersion, api.KindAllocation, api.KindAllocationStatus)
	nodeKinds := []api.Kind{api.KindNode, api.KindNodeIntent, api.KindNodeStatus}

	return append(unsupported(), []route{
		{pattern: "jobs", get: read(jobList, listJobs), put: registerJob},
		{pattern: "jobs/parse", put: parseJob},
		{pattern: "jobs/statuses", get: read(kinds(api.KindJob, api.KindJobStatus, api.KindJobVersion,
			api.KindAllocation, api.KindAllocationStatus, api.KindDeployment), listStatuses)},
		{pattern: "validate/job", put: validateJob},

		{pattern: "job/{job...}/plan", put: planJob},
		{pattern: "job/{job...}/allocations", get: read(ofJob(itself, allocations), readJobAllocations)},
		{pattern: "job/{job...}/evaluations", get: read(ofJob(evaluations), readJobEvaluations)},
		{pattern: "job/{job...}/deployments", get: read(ofJob(itself, deployments), readJobDeployments)},
		{pattern: "job/{job...}/deployment", get: read(ofJob(deployments), readJobDeployment)},
		{pattern: "job/{job...}/versions", get: read(ofJob(itself), readVersions)},
		{pattern: "job/{job...}/summary", get: read(ofJob(itself, allocations, children), readSummary)},
		{pattern: "job/{job...}/submission", get: read(ofJob(itself), readSubmission)},
		{pattern: "job/{job...}/evaluate", put: evaluateJob},

		{pattern: "allocations", get: read(kinds(api.KindAllocation, api.KindAllocationStatus), listAllocations)},
		{pattern: "allocation/{alloc}", get: read(object("alloc", api.KindAllocation, api.KindAllocationStatus), readAllocation)},
		{pattern: "allocation/{alloc}/stop", put: stopAllocation},

		{pattern: "evaluations", get: read(kinds(api.KindEvaluation), listEvaluations)},
		{pattern: "evaluations/count", get: read(kinds(api.KindEvaluation), countEvaluations)},
		{pattern: "evaluation/{eval}", get: read(object("eval", api.KindEvaluation), readEvaluation)},
		{
			pattern: "evaluation/{eval}/allocations",
			get:     read(allocationsOf("eval", store.ByEval, jobOfEvaluation), readEvaluationAllocations),
		},

		{pattern: "deployments", get: read(kinds(api.KindDeployment), listDeployments)},
		{pattern: "deployment/{deployment}", get: read(object("deployment", api.KindDeployment), readDeployment)},
		{
			pattern: "deployment/allocations/{deployment}",
			get:     read(allocationsOf("deployment", store.ByDeployment, jobOfDeployment), readDeploymentAllocations),
		},

		{pattern: "nodes", get: read(kinds(nodeKinds...), listNodes)},
		{pattern: "node/pools", get: read(kinds(api.KindNodePool), listNodePools)},
		{pattern: "node/pool/{pool}", get: read(object("pool", api.KindNodePool), readNodePool)},
		{pattern: "node/pool/{pool}/nodes", get: read(kinds(append(nodeKinds, api.KindNodePool)...), listPoolNodes)},
		{pattern: "node/pool/{pool}/jobs", get: read(jobList, listPoolJobs)},
		{pattern: "node/{node}", get: read(object("node", nodeKinds...), readNode)},
		{pattern: "node/{node}/allocations", get: read(allocationsOfNode, readNodeAllocations)},
		{pattern: "node/{node}/eligibility", put: setEligibility},

		{pattern: "namespaces", get: read(kinds(api.KindNamespace), listNamespaces)},
		{pattern: "namespace/{namespace}", get: read(object("namespace", api.KindNamespace), readNamespace)},

		{pattern: "client/fs/ls/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/stat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/cat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/readat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/stream/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/logs/{alloc}", get: proxyAllocation},
		{pattern: "client/allocation/{alloc}/stats", get: proxyAllocation},
		{pattern: "client/allocation/{alloc}/restart", put: proxyAllocation},
		{pattern: "client/allocation/{alloc}/signal", put: proxyAllocation},
		{pattern: "client/stats", get: proxyNode},

		{pattern: "agent/self", get: readSelf},
		{pattern: "agent/health", get: readHealth},
		{pattern: "agent/members", get: listMembers},
		{pattern: "agent/servers", get: listServers},
		{pattern: "status/leader", get: readLeader},
		{pattern: "status/peers", get: listServers},
		{pattern: "regions", get: listRegions},
		{pattern: "metrics", get: readMetrics},
		{pattern: "event/stream", get: streamEvents},
		{pattern: "system/gc", put: collectGarbage},
		{pattern: "operator/snapshot", get: saveSnapshot, put: restoreSnapshot},

		// Last, because a job's ID may look like any of the paths above.
		{pattern: "job/{job...}", get: read(ofJob(itself), readJob), put: registerJob, del: deregisterJob},
	}...)
}
