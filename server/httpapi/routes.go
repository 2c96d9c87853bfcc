package httpapi

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// routes is the whole API. Of the routes that fit a path the first counts.
func routes() []route {
	return slices.Concat(poolRoutes(), unsupported(), commandRoutes(), volumeRoutes(), serviceRoutes(), workRoutes(), nodeRoutes(), agentRoutes(),
		scalingRoutes(), variableRoutes(), resourceRoutes(), controllerRoutes(), rolloutRoutes(), versionRoutes(), jobRoutes())
}

// query is a read of the store. It names what its answer is made of, so that it can be
// waited for.
func query(of topics, answer func(s store.Snapshot, c *call) (any, error)) handler {
	return read{topics: of, answer: answer}.serve
}

// jobList is what a list of jobs is made of, with their summaries.
func jobList() topics {
	return kinds(api.KindJob, api.KindJobStatus, api.KindJobVersion, api.KindAllocation, api.KindAllocationStatus)
}

func jobRoutes() []route {
	allocations := indexed(api.KindAllocation, api.KindAllocationStatus)
	evaluations := indexed(api.KindEvaluation)
	deployments := indexed(api.KindDeployment)
	return []route{
		{pattern: "jobs", get: query(jobList(), listJobs), put: registerJob},
		{pattern: "jobs/parse", put: parseJob},
		{pattern: "jobs/statuses", get: query(kinds(api.KindJob, api.KindJobStatus, api.KindJobVersion,
			api.KindAllocation, api.KindAllocationStatus, api.KindDeployment), listStatuses)},
		{pattern: "validate/job", put: validateJob},

		{pattern: "job/{job...}/plan", put: planJob},
		{pattern: "job/{job...}/allocations", get: query(ofJob(itself, allocations), readJobAllocations)},
		{pattern: "job/{job...}/evaluations", get: query(ofJob(evaluations), readJobEvaluations)},
		{pattern: "job/{job...}/deployments", get: query(ofJob(itself, deployments), readJobDeployments)},
		{pattern: "job/{job...}/deployment", get: query(ofJob(deployments), readJobDeployment)},
		{pattern: "job/{job...}/summary", get: query(ofJob(itself, allocations, children), readSummary)},
		{
			pattern: "job/{job...}/scale", put: scaleJob,
			get: query(ofJob(itself, allocations, scalingEvents), readScale),
		},
		{pattern: "job/{job...}/submission", get: query(ofJob(itself), readSubmission)},
		{pattern: "job/{job...}/evaluate", put: evaluateJob},
		{pattern: "job/{job...}/periodic/force", put: forcePeriodic},
		{pattern: "job/{job...}/dispatch", put: dispatchJob},

		// Last, because a job's ID may look like any of the paths above.
		{pattern: "job/{job...}", get: query(ofJob(itself), readJob), put: registerJob, del: deregisterJob},
	}
}

// workRoutes are those of what jobs become.
func workRoutes() []route {
	return []route{
		{pattern: "allocations", get: query(kinds(api.KindAllocation, api.KindAllocationStatus), listAllocations)},
		{pattern: "allocation/{alloc}", get: query(object("alloc", api.KindAllocation, api.KindAllocationStatus), readAllocation)},
		{pattern: "allocation/{alloc}/stop", put: stopAllocation},

		{pattern: "evaluations", get: query(kinds(api.KindEvaluation), listEvaluations), del: refuse(deletingEvaluations)},
		{pattern: "evaluations/count", get: query(kinds(api.KindEvaluation), countEvaluations)},
		{pattern: "evaluation/{eval}", get: query(object("eval", api.KindEvaluation), readEvaluation)},
		{
			pattern: "evaluation/{eval}/allocations",
			get:     query(allocationsOf("eval", store.ByEval, jobOfEvaluation), readEvaluationAllocations),
		},

		{pattern: "deployments", get: query(kinds(api.KindDeployment), listDeployments)},
		{pattern: "deployment/{deployment}", get: query(object("deployment", api.KindDeployment), readDeployment)},
		{
			pattern: "deployment/allocations/{deployment}",
			get:     query(allocationsOf("deployment", store.ByDeployment, jobOfDeployment), readDeploymentAllocations),
		},
	}
}

// scalingRoutes are those that autoscalers ask.
func scalingRoutes() []route {
	return []route{
		{pattern: "scaling/policies", get: query(kinds(api.KindScalingPolicy), listScalingPolicies)},
		{pattern: "scaling/policy/{policy}", get: query(object("policy", api.KindScalingPolicy), readScalingPolicy)},
	}
}

func nodeRoutes() []route {
	nodeKinds := []api.Kind{api.KindNode, api.KindNodeIntent, api.KindNodeStatus}
	return []route{
		{pattern: "nodes", get: query(kinds(nodeKinds...), listNodes)},
		{pattern: "node/{node}", get: query(object("node", nodeKinds...), readNode)},
		{pattern: "node/{node}/allocations", get: query(allocationsOfNode, readNodeAllocations)},
		{pattern: "node/{node}/eligibility", put: setEligibility},
		{pattern: "node/{node}/drain", put: drainNode},
		{pattern: "node/{node}/purge", put: purgeNode},
		{pattern: "node/{node}/evaluate", put: evaluateOneNode},

		{pattern: "namespaces", get: query(kinds(api.KindNamespace), listNamespaces)},
		{
			pattern: "namespace/{namespace}", get: query(object("namespace", api.KindNamespace), readNamespace),
			put: writeNamespace, del: deleteNamespace,
		},
		{pattern: "namespace", put: writeNamespace},
	}
}

// poolRoutes are those of node pools. They come before those of a node, as a pool may
// be called drain.
func poolRoutes() []route {
	poolNodes := []api.Kind{api.KindNodePool, api.KindNode, api.KindNodeIntent, api.KindNodeStatus}
	return []route{
		{pattern: "node/pools", get: query(kinds(api.KindNodePool), listNodePools), put: writeNodePool},
		{
			pattern: "node/pool/{pool}", get: query(object("pool", api.KindNodePool), readNodePool),
			put: writeNodePool, del: deleteNodePool,
		},
		{pattern: "node/pool/{pool}/nodes", get: query(kinds(poolNodes...), listPoolNodes)},
		{pattern: "node/pool/{pool}/jobs", get: query(jobList(), listPoolJobs)},
	}
}

// agentRoutes are those of node agents, and of this server and its cluster.
func agentRoutes() []route {
	return []route{
		{pattern: "client/fs/ls/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/stat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/cat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/readat/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/stream/{alloc}", get: proxyAllocation},
		{pattern: "client/fs/logs/{alloc}", get: proxyAllocation},
		{pattern: "client/allocation/{alloc}/stats", get: proxyAllocation},
		{pattern: "client/allocation/{alloc}/restart", put: proxyAllocation},
		{pattern: "client/allocation/{alloc}/signal", put: proxyAllocation},
		{pattern: "client/allocation/{alloc}/gc", get: proxyAllocation, put: proxyAllocation},
		{pattern: "client/gc", get: proxyNode, put: proxyNode},
		{pattern: "client/stats", get: proxyNode},
		{pattern: "client/metadata", get: proxyNode, put: proxyNodeMeta},

		{pattern: "agent/self", get: readSelf},
		{pattern: "agent/health", get: readHealth},
		{pattern: "agent/members", get: listMembers},
		{pattern: "agent/pprof/{profile}", get: readProfile},
		{pattern: "agent/servers", get: listServers},
		{pattern: "status/leader", get: readLeader},
		{pattern: "status/peers", get: listServers},
		{pattern: "regions", get: listRegions},
		{pattern: "metrics", get: readMetrics},
		{pattern: "event/stream", get: streamEvents},
		{pattern: "system/gc", put: collectGarbage},
		{pattern: "operator/snapshot", get: saveSnapshot, put: restoreSnapshot},
		{
			pattern: "operator/scheduler/configuration", put: writeScheduler,
			get: query(kinds(api.KindSchedulerConfiguration), readScheduler),
		},
	}
}
