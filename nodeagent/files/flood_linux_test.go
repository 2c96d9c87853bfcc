package files_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/nodeagent/files"
	"github.com/droverhq/drover/shim"
)

// The test binary is also the shim of the tasks that it runs.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == shim.Name {
		shim.Main()
	}
	goleak.VerifyTestMain(m)
}

func TestAFollowerOfAFloodReadsAllOfItWhileItIsRotated(t *testing.T) {
	const lines = 100_000
	n := newNode(t)
	n.must(os.Remove(n.path("alloc/logs/server.stdout.0")))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d := rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}})
	h, err := d.Start(ctx, driver.Task{
		ID: t.Name(), Name: "server", Dir: n.dir, StateDir: filepath.Join(t.TempDir(), "state"),
		Config: map[string]any{"command": "/bin/sh", "args": []any{"-c", fmt.Sprintf("exec seq %d", lines)}},
		Env:    map[string]string{"PATH": os.Getenv("PATH")},
		Stdout: driver.LogFile{Dir: n.path("alloc/logs"), Prefix: "server.stdout", MaxFiles: 1000, MaxBytes: 10_000},
		Stderr: driver.LogFile{Disabled: true},
	})
	n.must(err)
	defer func() { n.must(d.Destroy(context.Background(), h)) }()
	response := n.open(ctx, "logs?task=server&type=stdout&follow=true&plain=true")
	defer response.Body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := d.Wait(ctx, h)
		close(n.ended)
		ended <- err
	}()
	got, err := io.ReadAll(response.Body)
	n.must(err)
	n.must(<-ended)
	var want bytes.Buffer
	for i := range lines {
		fmt.Fprintln(&want, i+1)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("read %d bytes of %d", len(got), want.Len())
	}
}

func FuzzAPathStaysInTheAllocation(f *testing.F) {
	root := f.TempDir()
	dir := filepath.Join(root, "allocation")
	for name, content := range map[string]string{
		"outside": "forbidden", "allocation/a/secrets/s": "forbidden", "allocation/a/local/f": "allowed",
		"allocation/alloc/data/f": "allowed",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	for name, target := range map[string]string{"up": "..", "out": "../../outside", "s": "../a/secrets", "d": "data", "self": "."} {
		if err := os.Symlink(target, filepath.Join(dir, "alloc", name)); err != nil {
			f.Fatal(err)
		}
	}
	h, err := files.New(files.Options{
		Log:     logr.Discard(),
		Resolve: func(string) (files.Allocation, bool) { return files.Allocation{Dir: dir}, true },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := h.Close(); err != nil {
			f.Error(err)
		}
	})
	for _, path := range []string{
		"alloc/d/f", "alloc/up/a/local/f", "alloc/up/up", "alloc/out", "alloc/s/s", "alloc/self/../../outside",
		"a/local/../secrets/s", "../outside", "alloc/data/f/..", "alloc/s/../local/f", "\x00", "//",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, route := range []string{"cat", "stat", "ls"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/client/fs/"+route+"/x?path="+url.QueryEscape(path), nil))
			if w.Code == http.StatusInternalServerError || strings.Contains(w.Body.String(), "forbidden") {
				t.Errorf("%s %q: %d %s", route, path, w.Code, w.Body)
			}
		}
	})
}
