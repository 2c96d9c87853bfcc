package sessions

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/workload"
	"github.com/droverhq/drover/store"
)

// Where services and variables are.
const (
	servicesPath  = "/v1/services"
	servicePath   = "/v1/service/"
	variablesPath = "/v1/vars"
	variablePath  = "/v1/var/"
)

// reads answers what a node's agent asks for templates of its tasks: services, and the
// variables that the task may read on behalf of which it asks.
type reads struct {
	nodeID string
	store  store.Store
	api    http.Handler // may be nil
}

// ServeHTTP implements http.Handler.
func (r *reads) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	at := strings.TrimSuffix(in.URL.Path, "/")
	if r.api == nil || in.Method != http.MethodGet || path.Clean(in.URL.Path) != at {
		r.refuse(w, in)
		return
	}
	variable, one := strings.CutPrefix(at, variablePath)
	switch {
	case at == servicesPath, strings.HasPrefix(at, servicePath):
		r.api.ServeHTTP(w, in)
	case one:
		r.variables(w, in, variable)
	case at == variablesPath:
		r.variables(w, in, "")
	default:
		r.refuse(w, in)
	}
}

func (r *reads) refuse(w http.ResponseWriter, in *http.Request) {
	deny(w, http.StatusForbidden, fmt.Sprintf("node agents may not ask for %s %s", in.Method, in.URL.Path))
}

// deny answers like the API: clients show the text in a line of theirs.
func deny(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // that the agent is gone changes nothing
}

// variables answers for a variable, or with a list if none is named. Whoever may not read
// is told so with 401: the client of templates takes 403 for a variable that is not there.
func (r *reads) variables(w http.ResponseWriter, in *http.Request, variable string) {
	of, err := r.workload(in.Header.Get("X-Nomad-Token"))
	if err != nil {
		deny(w, http.StatusUnauthorized, err.Error())
		return
	}
	namespace := in.URL.Query().Get("namespace")
	if namespace == "" {
		namespace = api.DefaultNamespace
	}
	if variable != "" && !of.Reads(namespace, variable) {
		deny(w, http.StatusUnauthorized, of.Refusal(namespace, variable).Error())
		return
	}
	in = in.WithContext(workload.With(in.Context(), of))
	in.URL.Path = strings.TrimSuffix(in.URL.Path, "/")
	r.api.ServeHTTP(w, in)
}

// workload returns the task on behalf of which the agent asks. Errors: api.ErrDenied if the
// node does not run it.
func (r *reads) workload(token string) (workload.Workload, error) {
	id, task, ok := workload.Parse(token)
	if !ok {
		return workload.Workload{}, fmt.Errorf("%w: the agent does not say for which task it asks", api.ErrDenied)
	}
	snap := r.store.Snapshot()
	denied := fmt.Errorf("%w: the node runs no task %q of an allocation %q", api.ErrDenied, task, id)
	a, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: id})
	if !ok || a.NodeID != r.nodeID {
		return workload.Workload{}, denied
	}
	if status, ok := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id}); ok && status.Terminal() {
		return workload.Workload{}, denied
	}
	version, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion))
	if !ok || version.Job == nil {
		return workload.Workload{}, denied
	}
	of, ok := workload.Of(a, version.Job, task)
	if !ok {
		return workload.Workload{}, denied
	}
	return of, nil
}
