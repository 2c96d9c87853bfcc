package hook_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/hook"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == artifact.Name {
		artifact.Main()
	}
	os.Exit(m.Run())
}

// fetching is the start of a task that asks for one artifact, and the events that it
// brings about.
func fetching(t *testing.T, a *api.TaskArtifact) (*hook.Start, *[]string) {
	t.Helper()
	s := start(t, &api.Task{Name: "t", Env: map[string]string{"PAGE": "page"}, Artifacts: []*api.TaskArtifact{a}})
	s.Fetcher, s.Keep = artifact.New(artifact.Options{}), filepath.Join(t.TempDir(), "keep")
	var events []string
	s.Note = func(e *api.TaskEvent) { events = append(events, e.Type) }
	return s, &events
}

func TestArtifactsAreFetchedOnceForAllStarts(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			asked.Add(1)
		}
		if _, err := w.Write([]byte(r.URL.Path)); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for destination, file := range map[string]string{
		"": "local/page", "local/x": "local/x/page", "${NOMAD_TASK_DIR}/y": "local/y/page",
		"${NOMAD_ALLOC_DIR}/data": "../alloc/data/page", "../alloc/z": "../alloc/z/page", "etc": "etc/page",
	} {
		asked.Store(0)
		s, events := fetching(t, &api.TaskArtifact{GetterSource: new(srv.URL + "/${PAGE}"), RelativeDest: &destination})
		for range 2 {
			if err := hook.Run(t.Context(), hook.Default(), s); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(filepath.Join(s.Dir.Task("t"), file)); err != nil || string(got) != "/page" {
			t.Errorf("%s: %q, %v", destination, got, err)
		}
		if n := asked.Load(); n != 1 || len(*events) != 1 || (*events)[0] != api.EventDownloading {
			t.Errorf("%s: fetched %d times, events %v", destination, n, *events)
		}
	}
}

func TestArtifactsStayInTheTasksDirectories(t *testing.T) {
	for _, destination := range []string{"../../x", "../other", "${NOMAD_ALLOC_DIR}/../other", "a/../../.."} {
		s, _ := fetching(t, &api.TaskArtifact{GetterSource: new("http://127.0.0.1:1/x"), RelativeDest: &destination})
		var invalid *api.InvalidError
		if err := hook.Run(t.Context(), hook.Default(), s); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", destination, err)
		}
	}
}

func TestATaskWhoseArtifactCannotBeHadDoesNotStart(t *testing.T) {
	s, _ := fetching(t, &api.TaskArtifact{GetterSource: new("http://127.0.0.1:1/x")})
	var failed *artifact.Error
	if err := hook.Run(t.Context(), hook.Default(), s); !errors.As(err, &failed) || !failed.Recoverable() {
		t.Error(err)
	}
}
