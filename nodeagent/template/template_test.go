package template_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/template"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the library says every step
	goleak.VerifyTestMain(m)
}

// registry answers GET /v1/service/NAME as servers do: at once, or when there is news.
type registry struct {
	mu      sync.Mutex // guards the rest
	index   uint64
	ports   []int
	changed chan struct{}
}

func newRegistry(ports ...int) *registry {
	return &registry{index: 10, ports: ports, changed: make(chan struct{})}
}

func (r *registry) set(ports ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.index++
	r.ports = ports
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasPrefix(req.URL.Path, "/v1/service/") {
		http.Error(w, "not supported: variables", http.StatusNotImplemented)
		return
	}
	known, _ := strconv.ParseUint(req.URL.Query().Get("index"), 10, 64)
	for {
		r.mu.Lock()
		index, ports, changed := r.index, r.ports, r.changed
		r.mu.Unlock()
		if index > known {
			w.Header().Set("X-Nomad-Index", strconv.FormatUint(index, 10))
			list := []map[string]any{}
			for _, port := range ports {
				list = append(list, map[string]any{"ID": fmt.Sprint(port), "ServiceName": "web", "Address": "10.0.0.1", "Port": port})
			}
			_ = json.NewEncoder(w).Encode(list) // who asked may have gone
			return
		}
		select {
		case <-changed:
		case <-req.Context().Done():
			return
		}
	}
}

// world is a task and the cluster that it is in.
type world struct {
	dir   allocdir.Dir
	o     template.Options
	notes chan string
}

func newWorld(t *testing.T, cluster http.Handler) *world {
	t.Helper()
	srv := httptest.NewServer(cluster)
	t.Cleanup(srv.Close)
	w := &world{dir: allocdir.New(t.TempDir(), "alloc"), notes: make(chan string, 100)}
	if err := errors.Join(w.dir.Build(), w.dir.BuildTask("t", "")); err != nil {
		t.Fatal(err)
	}
	w.o = template.Options{
		Root:  w.dir.Root,
		Place: func(path string) (string, error) { return w.dir.Place("t", path, false) },
		Env:   map[string]string{"COLOUR": "green"}, Replace: strings.NewReplacer("${COLOUR}", "green").Replace,
		Namespace: "default",
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", srv.Listener.Addr().String())
		},
		Note: func(m string) { w.notes <- m },
	}
	return w
}

func block(data string) *api.Template {
	return &api.Template{EmbeddedTmpl: &data, DestPath: new("local/out"), Splay: new(time.Duration(0))}
}

func (w *world) first(t *testing.T, blocks ...*api.Template) (*template.Set, map[string]string, error) {
	t.Helper()
	set, err := template.New(blocks, w.o)
	if err != nil {
		return nil, nil, err
	}
	env, err := set.First(t.Context())
	return set, env, err
}

func (w *world) out(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir.Local("t"), "out"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestATemplateIsRenderedWithTheFunctionsThatJobsKnow(t *testing.T) {
	w := newWorld(t, newRegistry(8080))
	if err := os.WriteFile(filepath.Join(w.dir.Local("t"), "own"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{{env "COLOUR"}} {{env "HOME"}}.`:                                   "green .",
		`{{range nomadService "web"}}{{.Address}}:{{.Port}}{{end}}`:          "10.0.0.1:8080",
		`{{"x" | base64Encode}} {{sha256Hex "x" | len}}`:                     "eA== 64",
		`{{with parseJSON "{\"a\": [1, 2]}"}}{{.a | toJSON}}{{end}}`:         "[1,2]",
		`{{"a,b" | split "," | join "-"}} {{"x" | regexMatch "^x$"}}`:        "a-b true",
		`{{file "local/own"}}`:                                               "mine",
		`{{timestamp "2006" | len}} {{"q" | sprig_quote}} {{1 | add 2}}`:     `4 "q" 3`,
		`{{define "d"}}<{{.}}>{{end}}{{executeTemplate "d" "v"}}`:            "<v>",
		`{{range $i := loop 2}}{{$i}}{{end}}{{"a: 1" | parseYAML | toYAML}}`: "01a: 1",
	} {
		if _, _, err := w.first(t, block(data)); err != nil {
			t.Errorf("%s: %v", data, err)
		} else if got := w.out(t); got != want {
			t.Errorf("%s: %q", data, got)
		}
	}
}

func TestWhatATemplateMayNotDoIsRefused(t *testing.T) {
	w := newWorld(t, newRegistry())
	if err := os.Symlink("/etc/passwd", filepath.Join(w.dir.Local("t"), "link")); err != nil {
		t.Fatal(err)
	}
	for data, why := range map[string]string{
		`{{key "a"}}`:                        "key reads from Consul",
		`{{with secret "a"}}{{end}}`:         "secret reads from Vault",
		`{{plugin "sh" "-c" "id"}}`:          "disabled",
		`{{writeToFile "/x" "" "" "1" "x"}}`: "disabled",
		`{{file "/etc/passwd"}}`:             "no such file",
		`{{file "../../../etc/passwd"}}`:     "leads out",
		`{{file "local/link"}}`:              "escapes",
		`{{mustEnv "NOTHING"}}`:              "no variable NOTHING",
		`{{.x.y`:                             "unclosed action",
		`{{nonsense}}`:                       `function "nonsense" not defined`,
	} {
		if _, _, err := w.first(t, block(data)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", data, err)
		}
	}
	missing := block(`{{with parseJSON "{\"a\": 1}"}}{{.nothing}}{{end}}`)
	missing.ErrMissingKey = new(true)
	if _, _, err := w.first(t, missing); err == nil || !strings.Contains(err.Error(), "no entry for key") {
		t.Errorf("a missing key: %v", err)
	}
	for _, destination := range []string{"../../x", "../other/x"} {
		outside := block("x")
		outside.DestPath = &destination
		var invalid *api.InvalidError
		if _, _, err := w.first(t, outside); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", destination, err)
		}
	}
}

func TestATemplateIsNotWrittenThroughALinkThatLeadsOut(t *testing.T) {
	w := newWorld(t, newRegistry())
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(w.dir.Local("t"), "link")); err != nil {
		t.Fatal(err)
	}
	b := block("x")
	b.DestPath = new("local/link/file")
	if _, _, err := w.first(t, b); err == nil {
		t.Error("it was written")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

func TestAFileIsAsItsBlockSays(t *testing.T) {
	w := newWorld(t, newRegistry())
	if err := os.WriteFile(filepath.Join(w.dir.Local("t"), "in.tpl"), []byte("A=[[1 | add 1]]\nB=\"two words\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &api.Template{
		SourcePath: new("local/in.tpl"), DestPath: new("local/${COLOUR}/out"), Envvars: new(true), Perms: new("600"),
		LeftDelim: new("[["), RightDelim: new("]]"), Uid: new(1234),
	}
	_, env, err := w.first(t, b)
	if err != nil || env["A"] != "2" || env["B"] != "two words" {
		t.Fatal(env, err)
	}
	info, err := os.Stat(filepath.Join(w.dir.Local("t"), "green/out"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// watching renders blocks first and then watches them; changes come as they are.
func (w *world) watching(t *testing.T, blocks ...*api.Template) <-chan template.Change {
	t.Helper()
	set, _, err := w.first(t, blocks...)
	if err != nil {
		t.Fatal(err)
	}
	return w.watch(t, set)
}

func (w *world) watch(t *testing.T, set *template.Set) <-chan template.Change {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changes, ended := make(chan template.Change, 10), make(chan error)
	go func() { ended <- set.Watch(ctx, func(c template.Change) { changes <- c }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return changes
}

func TestWhatChangesIsRenderedAgainAndDoneAbout(t *testing.T) {
	cluster := newRegistry(1)
	w := newWorld(t, cluster)
	ports := `{{range nomadService "web"}}{{.Port}} {{end}}`
	signal, script, quiet, fixed := block(ports), block(ports), block(ports), block("fixed")
	signal.ChangeMode, signal.ChangeSignal, signal.Splay = new("signal"), new("SIGHUP"), new(time.Second)
	script.ChangeMode, script.ChangeScript = new("script"), &api.ChangeScript{Command: new("/bin/true")}
	quiet.ChangeMode, fixed.DestPath = new("noop"), new("local/fixed")
	once := block(ports)
	once.Once, once.DestPath = new(true), new("local/once")
	changes := w.watching(t, signal, script, quiet, fixed, once)
	cluster.set(1, 2)
	c := <-changes
	if c.Restart || len(c.Signals) != 1 || c.Signals[0] != "SIGHUP" || len(c.Scripts) != 1 || c.Splay != time.Second {
		t.Errorf("%+v", c)
	}
	if got := w.out(t); got != "1 2 " {
		t.Errorf("rendered %q", got)
	}
	if b, err := os.ReadFile(filepath.Join(w.dir.Local("t"), "once")); err != nil || string(b) != "1 " {
		t.Errorf("what is rendered once is now %q, %v", b, err)
	}
}

func TestAnAgentThatComesBackFindsWhatHasChangedMeanwhile(t *testing.T) {
	cluster := newRegistry(1)
	w := newWorld(t, cluster)
	b := block(`{{range nomadService "web"}}{{.Port}} {{end}}`)
	if _, _, err := w.first(t, b); err != nil {
		t.Fatal(err)
	}
	cluster.set(2)
	set, err := template.New([]*api.Template{b}, w.o)
	if err == nil {
		err = set.Adopt()
	}
	if err != nil {
		t.Fatal(err)
	}
	if c := <-w.watch(t, set); !c.Restart || w.out(t) != "2 " {
		t.Errorf("%+v, %q", c, w.out(t))
	}
}

func TestAFileThatATemplateReadsIsLookedAtAgain(t *testing.T) {
	w := newWorld(t, newRegistry())
	own := filepath.Join(w.dir.Local("t"), "own")
	if err := os.WriteFile(own, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	changes := w.watching(t, block(`{{file "local/own"}}`))
	if err := os.WriteFile(own, []byte("b"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := <-changes; !c.Restart || w.out(t) != "b" {
		t.Errorf("%+v, %q", c, w.out(t))
	}
}

func TestWhatFailsLaterIsSaidAndWhatWasRenderedStays(t *testing.T) {
	cluster := newRegistry(1)
	w := newWorld(t, cluster)
	changes := w.watching(t, block(`{{range nomadService "web"}}{{if eq .Port 2}}{{mustEnv "NOTHING"}}{{end}}{{.Port}}{{end}}`))
	cluster.set(2)
	if note := <-w.notes; !strings.Contains(note, "Template failed: local/out") || !strings.Contains(note, "NOTHING") {
		t.Error(note)
	}
	if got := w.out(t); got != "1" {
		t.Errorf("rendered %q", got)
	}
	cluster.set(3)
	if <-changes; w.out(t) != "3" {
		t.Errorf("rendered %q", w.out(t))
	}
}

func TestAFirstRenderingWaitsForTheServersAndSaysSo(t *testing.T) {
	w := newWorld(t, newRegistry(1))
	dial, there := w.o.Dial, make(chan struct{})
	w.o.Dial = func(ctx context.Context) (net.Conn, error) {
		select {
		case <-there:
			return dial(ctx)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	done := make(chan error)
	go func() {
		_, _, err := w.first(t, block(`{{range nomadService "web"}}{{.Port}}{{end}}`))
		done <- err
	}()
	if note := <-w.notes; note != "Missing: nomad.service(web)" {
		t.Error(note)
	}
	close(there)
	if err := <-done; err != nil || w.out(t) != "1" {
		t.Error(err)
	}
}
