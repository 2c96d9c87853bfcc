package nodeagent

import (
	"fmt"
	"net/http"

	"github.com/droverhq/drover/api"
)

// sessionHandler answers what servers ask over the session: what Handler does, and what
// servers ask for themselves, not for a client.
func (a *Agent) sessionHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.Handler())
	mux.HandleFunc("GET /v1/client/allocation/{id}/snapshot", a.handOver)
	return mux
}

// handOver sends the files of an allocation that has ended, for the one that follows it on
// another node. The server has made sure that it may have them.
func (a *Agent) handOver(w http.ResponseWriter, r *http.Request) {
	run, err := a.requested(r)
	if err != nil {
		http.Error(w, err.Error(), statusCode(err))
		return
	}
	al, job := run.object()
	g := job.Group(al.TaskGroup)
	switch {
	case !run.hasEnded():
		http.Error(w, fmt.Sprintf("allocation %s has not ended yet", run.id), http.StatusConflict)
		return
	case run.dir.Root == "" || g == nil:
		http.Error(w, fmt.Sprintf("files of allocation %s: %v", run.id, api.ErrNotFound), http.StatusNotFound)
		return
	}
	var tasks []string
	for _, t := range g.Tasks {
		tasks = append(tasks, t.Name)
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := run.dir.Send(w, tasks); err != nil {
		if r.Context().Err() == nil {
			run.log.Error(err, "files were not handed over; the other node may ask again")
		}
		panic(http.ErrAbortHandler) // so that what was sent is not taken for all
	}
}
