package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Who asks the HTTP API for something.
const (
	user      = "user"
	collector = "by hand" // of the garbage
)

// byHand reports whether somebody wrote something by asking the HTTP API for it.
func byHand(who string) bool { return who == user || who == collector }

// answer is what the HTTP API says. It is an http.ResponseWriter.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// ask makes a request of the HTTP API, as users do. It reports whether the API did what
// it was asked for. A refusal is an answer; a failure is not.
func (w *World) ask(method, path string, body any) bool {
	var in io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.breaks(err)
			return false
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, "http://drover/v1/"+path, in)
	if err != nil {
		w.breaks(err)
		return false
	}
	out := &answer{header: make(http.Header), status: http.StatusOK}
	w.api.ServeHTTP(out, r)
	if out.status >= http.StatusInternalServerError {
		w.breaks(fmt.Errorf(usersAreAnswered+": %s %s: %d %s", method, path, out.status, out.body.String()))
	}
	if out.status >= http.StatusBadRequest {
		w.note("  refused: %d %s", out.status, out.body.String())
		return false
	}
	return true
}

func (w *World) apply(o Op) bool {
	return w.ask(http.MethodPut, "jobs", api.JobRegisterRequest{Job: jobOf(o)})
}

func (w *World) stopJob(o Op) bool {
	if w.model.job(o.target()) == nil {
		return false
	}
	path := "job/" + url.PathEscape(o.target())
	if o.has("purge") {
		path += "?purge=true"
	}
	return w.ask(http.MethodDelete, path, nil)
}

func (w *World) evaluate(o Op) bool {
	if w.model.job(o.target()) == nil {
		return false
	}
	return w.ask(http.MethodPut, "job/"+url.PathEscape(o.target())+"/evaluate", nil)
}

// stopAllocation stops one of the allocations of a job that run.
func (w *World) stopAllocation(o Op) bool {
	a := w.pick(w.model.running(o.target()))
	return a != nil && w.ask(http.MethodPut, "allocation/"+a.ID+"/stop", nil)
}

// pick returns one of a few allocations, by chance.
func (w *World) pick(of []*api.Allocation) *api.Allocation {
	if len(of) == 0 {
		return nil
	}
	return of[w.chance.IntN(len(of))]
}

// collect has the garbage collected at once. It may only go where it could in time.
func (w *World) collect(Op) bool {
	w.asking = collector
	defer func() { w.asking = user }()
	return w.ask(http.MethodPut, "system/gc", nil)
}

func (w *World) setEligibility(o Op) bool {
	id := nodeID(o.target())
	if _, ok := store.Get[*api.Node](w.store.Snapshot(), (&api.Node{ID: id}).Key()); !ok {
		return false
	}
	to := api.NodeEligible
	if o.has("ineligible") {
		to = api.NodeIneligible
	}
	return w.ask(http.MethodPut, "node/"+id+"/eligibility", api.NodeEligibilityRequest{Eligibility: to})
}
