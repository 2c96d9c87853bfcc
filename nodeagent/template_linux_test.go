package nodeagent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// rendering is a job whose task runs a script, with a template that reads a file of the
// task's own.
func rendering(script string, t *api.Template) *api.Job {
	j := shell(api.JobTypeService, script)
	t.EmbeddedTmpl, t.DestPath, t.Splay = new(`{{file "tmp/in"}}`), new("local/out"), new(time.Duration(0))
	j.TaskGroups[0].Tasks[0].Templates = []*api.Template{t}
	j.TaskGroups[0].Tasks[0].Artifacts = []*api.TaskArtifact{{GetterMode: new("file"), RelativeDest: new("tmp/in")}}
	return j
}

// told returns a condition: that an event of the type, whose text holds the words, has
// been reported of the task.
func (c *cluster) told(id, kind, words string) func() bool {
	return func() bool {
		s := c.statuses[id]
		return s != nil && s.TaskStates["t"] != nil && slices.ContainsFunc(s.TaskStates["t"].Events, func(e *api.TaskEvent) bool {
			return e.Type == kind && strings.Contains(e.DisplayMessage, words)
		})
	}
}

func TestWhatATaskIsGivenFollowsWhatItReads(t *testing.T) {
	c := newCluster(t)
	dir := t.TempDir()
	a := start(t, realOptions(dir, c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("first")); err != nil {
			t.Error(err)
		}
	}))
	defer site.Close()
	const script = `trap 'cat local/out > local/trapped; exit 7' HUP; echo "run with $(cat local/out)"; while :; do sleep 0.05; done`
	for name, w := range map[string]struct {
		template api.Template
		kind     string
		words    string
		after    string // what the file in local then holds
		file     string
	}{
		"restart": {api.Template{}, api.EventRestartSignal, "Template with change_mode restart re-rendered", "second", "out"},
		"signal":  {api.Template{ChangeMode: new("signal"), ChangeSignal: new("SIGHUP")}, api.EventSignaling, "Template re-rendered", "second", "trapped"},
		"script": {
			api.Template{ChangeMode: new("script"), ChangeScript: &api.ChangeScript{Command: new("/bin/cp"), Args: []string{"local/out", "local/copy"}}},
			api.EventTemplate, "Template successfully ran script /bin/cp", "second", "copy",
		},
		"failing script": {
			api.Template{ChangeMode: new("script"), ChangeScript: &api.ChangeScript{Command: new("/bin/false"), FailOnError: new(true)}},
			api.EventKilling, "exit code 1", "second", "out",
		},
	} {
		j := rendering(script, &w.template)
		j.TaskGroups[0].Tasks[0].Artifacts[0].GetterSource = new(site.URL + "/x")
		id := c.run(j)
		c.awaitStatus(t, id, api.AllocClientRunning)
		c.await(t, name+": what it runs with", func() bool { return c.told(id, api.EventDownloading, "downloading")() })
		task := filepath.Join(dir, "client/alloc", id, "t")
		if err := os.WriteFile(filepath.Join(task, "tmp/in"), []byte("second"), 0o644); err != nil {
			t.Fatal(err)
		}
		c.await(t, name+": "+w.words, c.told(id, w.kind, w.words))
		failed := name == "signal" || name == "failing script"
		if failed {
			c.awaitStatus(t, id, api.AllocClientFailed)
		}
		if got, err := os.ReadFile(filepath.Join(task, "local", w.file)); err != nil || string(got) != w.after {
			t.Errorf("%s: %s holds %q, %v", name, w.file, got, err)
		}
		if !failed {
			c.stop(id)
			c.awaitStatus(t, id, api.AllocClientComplete)
		}
	}
}

func TestWhatCannotBeFetchedOrRenderedIsToldOfTheTask(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	fetching, rendered := shell(api.JobTypeBatch, "true"), shell(api.JobTypeBatch, "true")
	fetching.TaskGroups[0].Tasks[0].Artifacts = []*api.TaskArtifact{{GetterSource: new("http://127.0.0.1:1/x")}}
	rendered.TaskGroups[0].Tasks[0].Templates = []*api.Template{{EmbeddedTmpl: new(`{{key "a"}}`), DestPath: new("local/x")}}
	for kind, j := range map[string]*api.Job{api.EventDownload: fetching, api.EventSetupFailure: rendered} {
		id := c.run(j)
		c.awaitStatus(t, id, api.AllocClientFailed)
		c.await(t, kind, c.told(id, kind, map[string]string{api.EventDownload: "connection refused", api.EventSetupFailure: "key reads from Consul"}[kind]))
	}
}
