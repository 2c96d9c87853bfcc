package httpapi

// Features that share a path with others that are there.
const (
	deletingEvaluations = "deleting evaluations"
	lockingVariables    = "locking variables"
	otherAlgorithms     = "root keys of other algorithms than aes256-gcm"
	publishingKeys      = "publishing root keys before they are used"
)

// unsupported is the paths that clients know but that do nothing yet: an honest 501,
// in place of a 404 that looks like a mistake of theirs.
func unsupported() []route {
	features := []struct {
		name     string
		patterns []string
	}{
		{"pausing tasks", []string{"client/allocation/{alloc}/pause"}},
		{"snapshots of allocations", []string{"client/allocation/{alloc}/snapshot"}},
		{"search", []string{"search", "search/fuzzy"}},
		{"access control", []string{"acl/{rest...}"}},
		{"quotas", []string{"quotas", "quota/{name}", "quota", "quota/usage/{name}", "quota-usages"}},
		{"sentinel policies", []string{"sentinel/policies", "sentinel/policy/{name}"}},
		{"recommendations", []string{"recommendations", "recommendation/{id}", "recommendation"}},
		{"license", []string{"operator/license"}},
		{"raft administration", []string{"operator/raft/configuration", "operator/raft/peer", "operator/raft/transfer-leadership"}},
		{"autopilot", []string{"operator/autopilot/configuration", "operator/autopilot/health"}},
		{"upgrade checks", []string{"operator/upgrade-check/{check}"}},
		{"utilization reports", []string{"operator/utilization"}},
		{"keys of gossip", []string{"agent/keyring/{op}"}},
		{"reconciling summaries", []string{"system/reconcile/summaries"}},
		{"following the agent's log", []string{"agent/monitor", "agent/monitor/export"}},
		{"joining and leaving servers", []string{"agent/join", "agent/force-leave"}},
		{"host information", []string{"agent/host"}},
		{"schedulers of an agent", []string{"agent/schedulers", "agent/schedulers/config"}},
		{"signed identities", []string{"client/identity/{op}"}},
	}
	var routes []route
	for _, f := range features {
		no := refuse(f.name)
		for _, pattern := range f.patterns {
			routes = append(routes, route{pattern: pattern, get: no, put: no, del: no})
		}
	}
	return routes
}

// refuse answers for a feature that is not there.
func refuse(feature string) handler {
	return func(*call) error { return notSupported("%s", feature) }
}
