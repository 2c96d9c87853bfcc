package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/coder/websocket"

	"github.com/droverhq/drover/api"
)

// helloActions gives the recorded job actions.
func (c *cluster) helloActions() {
	c.t.Helper()
	c.hello()
	j, err := api.Clone(get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello")))
	if err != nil {
		c.t.Fatal(err)
	}
	g := j.TaskGroups[0]
	g.Tasks[0].Actions = []*api.Action{{Name: "env", Command: "/usr/bin/env"}, {Name: "both", Command: "sh", Args: []string{"-c", "a b"}}}
	g.Tasks = append(g.Tasks, &api.Task{Name: "other", Driver: "raw_exec", Actions: []*api.Action{{Name: "both", Command: "x"}}})
	c.put(j, &api.JobVersion{Job: j})
}

func TestTheActionsOfAJobAreListed(t *testing.T) {
	c := newCluster(t)
	c.helloActions()
	var got []map[string]any
	c.must(http.MethodGet, "/v1/job/hello/actions", "", &got)
	if len(got) != 3 || got[0]["Name"] != "env" || got[0]["TaskName"] != "server" || got[0]["TaskGroupName"] != "example" {
		t.Errorf("actions %v", got)
	}
	if a := c.do(http.MethodGet, "/v1/job/none/actions", ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAnActionIsRunInARunningTaskThatHasIt(t *testing.T) {
	c := newCluster(t)
	c.helloActions()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		fmt.Fprintf(w, "%s%v%v%v%d", r.URL.Path, q["task"], q["tty"], q["command"], len(q))
	}))
	at := "/v1/client/allocation/" + helloAlloc + "/exec"
	const hello = "/v1/job/hello/action"
	for path, want := range map[string]string{
		hello + "?action=env":                                      at + `[server][false][["/usr/bin/env"]]3`,
		hello + "?action=env&tty=true&allocID=" + helloAlloc:       at + `[server][true][["/usr/bin/env"]]3`,
		hello + "?action=both&group=example&task=server&tty=false": at + `[server][false][["sh","-c","a b"]]3`,
	} {
		if a := c.do(http.MethodGet, path, ""); a.status != http.StatusOK || string(a.body) != want {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
	for path, want := range map[string]int{
		hello:                                               http.StatusBadRequest,
		hello + "?action=both":                              http.StatusBadRequest, // of which task?
		hello + "?action=both&task=other":                   http.StatusConflict,   // it does not run
		hello + "?action=none":                              http.StatusNotFound,
		hello + "?action=env&group=other":                   http.StatusNotFound,
		hello + "?action=env&allocID=abc":                   http.StatusNotFound,
		hello + "?action=env&tty=maybe":                     http.StatusBadRequest,
		"/v1/job/none/action?action=env":                    http.StatusNotFound,
		hello + "?action=env&namespace=no":                  http.StatusNotFound,
		hello + "?action=env&group=x&allocID=" + helloAlloc: http.StatusBadRequest,
	} {
		if a := c.do(http.MethodGet, path, ""); a.status != want || len(a.body) == 0 {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}

func TestAnActionIsThatOfTheVersionThatItsAllocationRuns(t *testing.T) {
	c := newCluster(t)
	c.helloActions()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%v", r.URL.Query()["command"])
	}))
	newer, err := api.Clone(get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello")))
	if err != nil {
		t.Fatal(err)
	}
	newer.Version = new(*newer.Version + 1)
	newer.TaskGroups[0].Tasks[0].Actions = []*api.Action{{Name: "env", Command: "printenv"}, {Name: "new", Command: "new"}}
	c.put(newer, &api.JobVersion{Job: newer})
	for query, want := range map[string]string{
		"action=env":                          `200 [["/usr/bin/env"]]`,
		"action=env&allocID=" + helloAlloc:    `200 [["/usr/bin/env"]]`,
		"action=both&task=server":             `200 [["sh","-c","a b"]]`, // the newer version has it no more
		"action=new":                          `409 no allocation of job hello has the action new yet: it is new in version 1`,
		"action=new&allocID=" + helloAlloc:    `404 version 0 of job hello, which allocation ` + helloAlloc + ` runs, has no action new`,
		"action=none&group=example&task=none": `404 job hello has no action none in a task none in a group example`,
	} {
		a := c.do(http.MethodGet, "/v1/job/hello/action?"+query, "")
		if got := fmt.Sprintf("%d %s", a.status, a.body); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestAWebsocketPassesThroughToTheNode(t *testing.T) {
	c := newCluster(t)
	c.helloActions()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		_, b, err := conn.Read(r.Context())
		if err == nil {
			err = conn.Write(r.Context(), websocket.MessageText, append(b, " back"...))
		}
		if err != nil {
			t.Error(err)
		}
		_ = conn.Close(websocket.StatusInternalError, "for no reason")
	}))
	path := "/v1/client/allocation/" + helloAlloc + "/exec?task=server&command=" + url.QueryEscape(`["true"]`)
	for _, path := range []string{path, "/v1/job/hello/action?action=env"} {
		conn, _, err := websocket.Dial(t.Context(), "http://drover"+path, &websocket.DialOptions{HTTPClient: c.client})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Write(t.Context(), websocket.MessageText, []byte("there and")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := conn.Read(t.Context()); err != nil || string(b) != "there and back" {
			t.Errorf("read %q, %v", b, err)
		}
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusInternalError {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestPagesOfOtherSitesRunNothing(t *testing.T) {
	c := newCluster(t)
	c.helloActions()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for origin, want := range map[string]int{
		"": http.StatusTeapot, "http://drover": http.StatusTeapot, "https://DROVER": http.StatusTeapot,
		"http://evil.example": http.StatusForbidden, "null": http.StatusForbidden, "http://drover.evil.example": http.StatusForbidden,
	} {
		for _, path := range []string{"/v1/client/allocation/" + helloAlloc + "/exec", "/v1/job/hello/action?action=env"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://drover"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			if a := c.send(r); a.status != want {
				t.Errorf("%s from %q: %d %s, want %d", path, origin, a.status, a.body, want)
			}
		}
	}
}
