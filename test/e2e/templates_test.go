package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func TestATaskFollowsTheServicesItReadsOfAlsoWhenItsAgentWasKilled(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("a page\n")); err != nil {
			t.Error(err)
		}
	}))
	defer site.Close()
	a := newAgent(t)
	a.Must(0, "job", "run", "-var", "page="+site.URL+"/page", "front.nomad.hcl")
	alloc := a.Allocs(t.Context(), "front")[0].ID
	says := func(text string) {
		t.Helper()
		a.Await("the task to say "+text, func(context.Context) bool {
			out, _ := a.Drover("alloc", "logs", alloc)
			return strings.Contains(out, text)
		})
	}
	says("a page\n\nat t with 0")
	contains(t, a.Must(0, "alloc", "status", alloc), "Downloading Artifacts  Client is downloading artifacts")

	a.Must(0, "job", "run", "-var", "delay=1", "shop.nomad.hcl")
	says("with 2")
	contains(t, a.Must(0, "alloc", "status", alloc), "Restart Signaled", "Template with change_mode restart re-rendered")

	a.Kill()
	a.Start()
	a.Must(0, "job", "scale", "shop", "3")
	says("with 3")
	a.Await("the task to have been started again without a failure", func(ctx context.Context) bool {
		info, _, err := a.Client.Allocations.Get(ctx, alloc, client.Query{})
		return err == nil && info.ClientStatus == api.AllocClientRunning && info.TaskStates["t"].Restarts > 1 && !info.TaskStates["t"].Failed
	})
}
