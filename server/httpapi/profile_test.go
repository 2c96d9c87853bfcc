package httpapi

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

func debugging(o *Options) { o.Agent.Debug = true }

func TestProfilesAreShownOnlyWhenAllowed(t *testing.T) {
	newCluster(t).refused(http.MethodGet, "/v1/agent/pprof/heap", "", http.StatusForbidden, "enable_debug")
}

func TestProfilesOfThisAgentAreShown(t *testing.T) {
	c := newCluster(t, debugging)
	for _, name := range []string{"heap", "goroutine", "allocs", "mutex", "heap?gc=1", "profile?seconds=1"} {
		a := c.do(http.MethodGet, "/v1/agent/pprof/"+name, "")
		if _, err := gzip.NewReader(bytes.NewReader(a.body)); a.status != http.StatusOK || err != nil {
			t.Errorf("%s: %d, %v: %.80q", name, a.status, err, a.body)
		}
		want, _, _ := strings.Cut(name, "?")
		if got := a.header.Get("Content-Disposition"); got != `attachment; filename="`+want+`"` {
			t.Errorf("%s: disposition %s", name, got)
		}
	}
	if a := c.do(http.MethodGet, "/v1/agent/pprof/goroutine?debug=1", ""); !strings.HasPrefix(string(a.body), "goroutine profile: total") {
		t.Errorf("goroutines as text: %d %.80q", a.status, a.body)
	}
	if a := c.do(http.MethodGet, "/v1/agent/pprof/cmdline", ""); a.status != http.StatusOK || len(a.body) == 0 {
		t.Errorf("command line: %d", a.status)
	}
	if a := c.do(http.MethodGet, "/v1/agent/pprof/trace?seconds=1", ""); a.status != http.StatusOK || !bytes.HasPrefix(a.body, []byte("go 1.")) {
		t.Errorf("trace: %d %.80q", a.status, a.body)
	}
}

func TestProfilesThatAreNotThereAreRefused(t *testing.T) {
	c := newCluster(t, debugging)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"nonsense":                {http.StatusNotFound, `profile "nonsense" not found`},
		"profile?seconds=many":    {http.StatusBadRequest, `seconds="many" is not a whole number`},
		"heap?debug=x":            {http.StatusBadRequest, `debug="x" is not a whole number`},
		"heap?node_id=4f3b":       {http.StatusNotImplemented, "profiles of another agent"},
		"profile?server_id=other": {http.StatusNotImplemented, "profiles of another agent"},
	} {
		c.refused(http.MethodGet, "/v1/agent/pprof/"+path, "", want.status, want.says)
	}
}
