package sessions

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// requests answers what an agent asks: for what all may read and, as this one, for the
// files of allocations that its own follow.
func (s *nodeSession) requests() http.Handler {
	files := http.NewServeMux()
	files.HandleFunc("GET /v1/client/allocation/{alloc}/snapshot", s.handOver)
	others := &reads{nodeID: s.nodeID, store: s.hub.store, api: s.hub.api}
	// Not by the mux, which would make other paths of those of variables.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/client/") {
			files.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// handOver passes the files of an allocation that has ended on to the node of the one that
// follows it (?for=), as the agent of the other node sends them: see allocdir.Send there.
func (s *nodeSession) handOver(w http.ResponseWriter, r *http.Request) {
	before, code, why := s.predecessor(s.hub.store.Snapshot(), r.PathValue("alloc"), r.URL.Query().Get("for"))
	if why != "" {
		http.Error(w, why, code)
		return
	}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.hub.DialNode(ctx, before.NodeID) },
		},
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: before.NodeID}) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("ask node %s: %v", before.NodeID, err), http.StatusServiceUnavailable)
		},
		ErrorLog: log.New(io.Discard, "", 0), // the agents say what went wrong
	}
	proxy.ServeHTTP(w, r)
}

// predecessor returns the allocation whose files the node may have for one of its own. If
// it may not, or not now, it says why, with a status: 409 and 503 say that it may later,
// 410 that the files can't be had.
func (s *nodeSession) predecessor(snap store.Snapshot, id, successor string) (before *api.Allocation, code int, why string) {
	next, ok := store.Get[*api.Allocation](snap, api.AllocationKey(successor))
	switch {
	case !ok || next.NodeID != s.nodeID || next.PreviousAllocation != id || !next.WantsRun():
		return nil, http.StatusForbidden, fmt.Sprintf("no allocation that is to run on this node follows %s", id)
	case !moves(snap, next):
		return nil, http.StatusForbidden, "the group of the allocation does not ask for the files of the one before"
	}
	before, ok = store.Get[*api.Allocation](snap, api.AllocationKey(id))
	if !ok {
		return nil, http.StatusGone, fmt.Sprintf("allocation %s is not known any more", id)
	}
	if before.NodeID == s.nodeID {
		return nil, http.StatusGone, "they were on this node, which has removed them"
	}
	node, _ := store.Get[*api.NodeStatus](snap, (&api.NodeStatus{NodeID: before.NodeID}).Key())
	if node == nil || node.Status != api.NodeReady || before.Lost != "" {
		return nil, http.StatusGone, fmt.Sprintf("node %s, which has them, is not in contact with the servers", before.NodeID)
	}
	status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id})
	switch {
	case status.Terminal():
		return before, 0, ""
	case before.WantsRun():
		return nil, http.StatusGone, fmt.Sprintf("allocation %s goes on with them", id)
	}
	return nil, http.StatusConflict, fmt.Sprintf("allocation %s has not ended yet", id)
}

func moves(snap store.Snapshot, a *api.Allocation) bool {
	v, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion))
	if !ok {
		return false
	}
	g := v.Job.Group(a.TaskGroup)
	return g != nil && g.EphemeralDisk.Moves()
}
