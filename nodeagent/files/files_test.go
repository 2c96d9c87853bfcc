package files_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/files"
)

const allocID = "d8986e42-ddbc-fda2-c570-b320a2495d59"

// node is a server with one allocation, whose task is server.
type node struct {
	t     *testing.T
	url   string
	dir   string // of the allocation
	ended chan struct{}
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, dir: filepath.Join(t.TempDir(), allocID), ended: make(chan struct{})}
	for _, dir := range []string{"alloc/logs", "alloc/data", "server/local", "server/secrets"} {
		if err := os.MkdirAll(filepath.Join(n.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n.write("alloc/logs/server.stdout.0", "Serving HTTP\n")
	n.write("server/secrets/token", "secret")
	h, err := files.New(files.Options{
		Log:       testr.New(t),
		Heartbeat: 50 * time.Millisecond,
		Resolve: func(id string) (files.Allocation, bool) {
			tasks := map[string]files.Task{"server": {Started: true, Ended: n.ended}, "waiting": {}}
			return files.Allocation{Dir: n.dir, Tasks: tasks}, id == allocID
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	n.url = server.URL
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

func (n *node) write(name, content string) {
	n.t.Helper()
	f, err := os.OpenFile(n.path(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = f.WriteString(content)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// open sends a request; what is ?path=x&… of it is written as in a URL.
func (n *node) open(ctx context.Context, call string) *http.Response {
	n.t.Helper()
	route, options, _ := strings.Cut(call, "?")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/v1/client/fs/"+route+"/"+allocID+"?"+options, nil)
	n.must(err)
	response, err := http.DefaultClient.Do(r)
	n.must(err)
	return response
}

func (n *node) get(call string) (*http.Response, string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	response := n.open(ctx, call)
	body, err := io.ReadAll(response.Body)
	n.must(errors.Join(err, response.Body.Close()))
	return response, string(body)
}

func (n *node) getJSON(call string, into any) {
	n.t.Helper()
	response, body := n.get(call)
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "application/json" {
		n.t.Fatalf("%s: %s, %s: %s", call, response.Status, kind, body)
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	n.must(decoder.Decode(into))
}

func TestADirectoryIsListed(t *testing.T) {
	n := newNode(t)
	n.must(syscall.Mkfifo(n.path("alloc/logs/.server.stdout.fifo"), 0o600))
	n.must(os.Symlink("server.stdout.0", n.path("alloc/logs/link")))
	var list []map[string]any
	for _, call := range []string{"ls", "ls?path=/", "ls?path=alloc/..", "ls?path=./"} {
		n.getJSON(call, &list)
		if len(list) != 2 || list[0]["Name"] != "alloc" || list[1]["Name"] != "server" || list[0]["IsDir"] != true || list[0]["FileMode"] != "drwxr-xr-x" {
			t.Errorf("%s: %v", call, list)
		}
	}
	n.getJSON("ls?path=alloc/logs", &list)
	want := [][]any{{".server.stdout.fifo", "prw-------", 0.0}, {"link", "Lrwxrwxrwx", 15.0}, {"server.stdout.0", "-rw-r--r--", 13.0}}
	for i, w := range want {
		got := list[i]
		if len(list) != len(want) || got["Name"] != w[0] || got["FileMode"] != w[1] || got["Size"] != w[2] || got["IsDir"] != false {
			t.Errorf("entry %d: %v, want %v", i, got, w)
		}
		if _, has := got["ContentType"]; has || len(got) != 5 {
			t.Errorf("fields of an entry: %v", got)
		}
		if when, err := time.Parse(time.RFC3339Nano, got["ModTime"].(string)); err != nil || time.Since(when) > time.Hour {
			t.Errorf("time of change %v", got["ModTime"])
		}
	}
	n.getJSON("ls?path=alloc/data", &list)
	if list == nil || len(list) != 0 {
		t.Errorf("an empty directory lists as %v", list)
	}
}

func TestAFileIsDescribed(t *testing.T) {
	n := newNode(t)
	n.write("server/local/picture", "\x89PNG\r\n\x1a\n")
	n.must(os.Symlink("../../server/local/picture", n.path("alloc/data/link")))
	for call, want := range map[string]api.AllocFileInfo{
		"stat?path=alloc/logs/server.stdout.0": {Name: "server.stdout.0", Size: 13, FileMode: "-rw-r--r--", ContentType: "text/plain; charset=utf-8"},
		"stat?path=alloc/data/link":            {Name: "link", Size: 8, FileMode: "-rw-r--r--", ContentType: "image/png"},
		"stat?path=server":                     {Name: "server", IsDir: true, FileMode: "drwxr-xr-x"},
		"stat?path=/":                          {Name: allocID, IsDir: true, FileMode: "drwxr-xr-x"},
	} {
		var got api.AllocFileInfo
		n.getJSON(call, &got)
		if got.IsDir {
			got.Size = 0
		}
		got.ModTime = time.Time{}
		if got != want {
			t.Errorf("%s: %+v, want %+v", call, got, want)
		}
	}
}

func TestAFileIsRead(t *testing.T) {
	n := newNode(t)
	n.write("server/local/page.html", "<script>")
	n.write("server/local/picture", "\x89PNG\r\n\x1a\n")
	for call, want := range map[string]struct{ kind, body string }{
		"cat?path=alloc/logs/server.stdout.0":                          {"text/plain; charset=utf-8", "Serving HTTP\n"},
		"cat?path=/alloc/logs/server.stdout.0":                         {"text/plain; charset=utf-8", "Serving HTTP\n"},
		"readat?path=alloc/logs/server.stdout.0&offset=0&limit=4":      {"text/plain; charset=utf-8", "Serv"},
		"readat?path=alloc/logs/server.stdout.0&offset=8&limit=100":    {"text/plain; charset=utf-8", "HTTP\n"},
		"readat?path=alloc/logs/server.stdout.0&offset=8":              {"text/plain; charset=utf-8", "HTTP\n"},
		"readat?path=alloc/logs/server.stdout.0&offset=99&limit=1":     {"text/plain; charset=utf-8", ""},
		"cat?path=server/local/page.html":                              {"text/plain; charset=utf-8", "<script>"},
		"cat?path=server/local/picture":                                {"application/octet-stream", "\x89PNG\r\n\x1a\n"},
		"logs?task=server&type=stdout&plain=true":                      {"text/plain", "Serving HTTP\n"},
		"logs?task=server&type=stdout&plain=true&origin=end&offset=5":  {"text/plain", "HTTP\n"},
		"stream?path=alloc/logs/server.stdout.0&follow=false&plain=1":  {"text/plain", "Serving HTTP\n"},
		"stream?path=alloc/logs/server.stdout.0&limit=7&plain=1":       {"text/plain", "Serving"},
		"stream?path=alloc/logs/server.stdout.0&follow=0&offset=99":    {"application/json", ""},
		"stream?path=alloc/logs/server.stdout.0&follow=0&offset=8":     {"application/json", `{"Offset":13,"Data":"SFRUUAo=","File":"alloc/logs/server.stdout.0"}`},
		"logs?task=server&type=stdout":                                 {"application/json", `{"Offset":13,"Data":"U2VydmluZyBIVFRQCg==","File":"alloc/logs/server.stdout.0"}`},
		"logs?task=server&type=stdout&follow=false&origin=start&limit": {"application/json", `{"Offset":13,"Data":"U2VydmluZyBIVFRQCg==","File":"alloc/logs/server.stdout.0"}`},
	} {
		response, body := n.get(call)
		if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != want.kind || body != want.body {
			t.Errorf("%s: %s, %s, %q; want %s, %q", call, response.Status, kind, body, want.kind, want.body)
		}
	}
}

func TestAWrongRequestIsToldWhatIsWrong(t *testing.T) {
	n := newNode(t)
	n.must(syscall.Mkfifo(n.path("alloc/data/pipe"), 0o600))
	for call, want := range map[string]struct {
		code int
		text string
	}{
		"cat?path=nope":                              {404, `path "nope": file does not exist`},
		"cat":                                        {400, "path: is missing"},
		"cat?path=alloc":                             {400, "not a regular file"},
		"cat?path=alloc/data/pipe":                   {400, "not a regular file"},
		"cat?path=alloc/data/pipe/x":                 {404, "file does not exist"},
		"stat":                                       {400, "path: is missing"},
		"ls?path=nope":                               {404, `path "nope"`},
		"ls?path=alloc/data/pipe":                    {400, "not a directory"},
		"readat?path=alloc/x":                        {400, "offset: is missing"},
		"readat?path=alloc/x&offset=-1":              {400, `offset: "-1" is not a number of bytes`},
		"readat?path=a&offset=0&limit=x":             {400, `limit: "x"`},
		"stream":                                     {400, "path: is missing"},
		"stream?path=nope":                           {404, `path "nope"`},
		"stream?path=alloc&follow=maybe":             {400, `follow: "maybe" is neither true nor false`},
		"logs?type=stdout":                           {400, "task: is missing"},
		"logs?task=server":                           {400, `type: "" is neither stdout nor stderr`},
		"logs?task=server&type=stdin":                {400, `type: "stdin"`},
		"logs?task=server&type=stderr":               {404, "output server.stderr"},
		"logs?task=nope&type=stdout":                 {404, `task "nope"`},
		"logs?task=waiting&type=stdout":              {404, "it has not been started"},
		"logs?task=server&type=stdout&origin=middle": {400, `origin: "middle" is neither start nor end`},
		"nonsense?path=/":                            {404, ""},
	} {
		response, body := n.get(call)
		if response.StatusCode != want.code || !strings.Contains(body, want.text) {
			t.Errorf("%s: %s, %s; want %d, %s", call, response.Status, body, want.code, want.text)
		}
	}
	for path, code := range map[string]int{
		"/v1/client/fs/ls/00000000-0000-0000-0000-000000000000": 404, "/v1/client/fs/ls/": 404, "/v1/client/fs": 404,
	} {
		response, err := http.Get(n.url + path)
		n.must(err)
		n.must(response.Body.Close())
		if response.StatusCode != code {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	response, err := http.Post(n.url+"/v1/client/fs/ls/"+allocID, "", nil)
	n.must(err)
	n.must(response.Body.Close())
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", response.Status)
	}
}

func TestNoPathLeadsOutOfTheAllocationOrIntoSecrets(t *testing.T) {
	n := newNode(t)
	n.must(os.WriteFile(filepath.Join(filepath.Dir(n.dir), "outside"), []byte("outside"), 0o600))
	n.write("server/local/inside", "inside")
	n.must(os.MkdirAll(n.path("alloc/secrets"), 0o755))
	n.write("alloc/secrets/shared", "inside")
	n.must(os.MkdirAll(n.path("server/local/secrets"), 0o755))
	n.write("server/local/secrets/own", "inside")
	for name, target := range map[string]string{
		"out":           "../../outside",
		"absolute":      "/etc/passwd",
		"dir":           "../..",
		"etc":           "/etc",
		"in":            "../server/local/inside",
		"in-absolute":   n.path("server/local/inside"),
		"to-secret":     "../server/secrets/token",
		"to-secrets":    "../server/secrets",
		"secret-abs":    n.path("server/secrets/token"),
		"chain":         "to-secrets",
		"loop":          "loop",
		"through":       "../alloc/../alloc/in",
		"sneaky":        "../server/local/../secrets/token",
		"into-the-root": n.dir,
	} {
		n.must(os.Symlink(target, n.path("alloc/"+name)))
	}
	for path, code := range map[string]int{
		"alloc/in": 200, "alloc/in-absolute": 200, "alloc/through": 200,
		"alloc/secrets/shared": 200, "server/local/secrets/own": 200,
		"alloc/into-the-root/server/local/inside": 200,
		"server/../alloc/./in":                    200,
		"/../outside":                             400, "../outside": 400, "../../../../etc/passwd": 400,
		"alloc/../../outside": 400, "..": 400, "alloc/logs/../../../outside": 400,
		"alloc/out": 400, "alloc/absolute": 400, "alloc/dir/outside": 400, "alloc/etc/passwd": 400,
		"alloc/in\x00": 404, strings.Repeat("a", 300): 404, strings.Repeat("alloc/../", 1000): 404,
		"alloc/loop":     404,
		"server/secrets": 403, "server/secrets/token": 403, "/server//secrets/./token": 403,
		"server/local/../secrets/token": 403, "alloc/to-secret": 403, "alloc/to-secrets/token": 403,
		"alloc/secret-abs": 403, "alloc/chain/token": 403, "alloc/sneaky": 403,
		"alloc/into-the-root/server/secrets/token": 403,
	} {
		options := "?follow=false&offset=0&limit=100&path=" + url.QueryEscape(path)
		for _, route := range []string{"cat", "readat", "stream", "stat", "ls"} {
			response, body := n.get(route + options)
			if route == "ls" && code == 200 { // not a directory
				continue
			}
			if response.StatusCode != code {
				t.Errorf("%s %q: %s, want %d: %s", route, path, response.Status, code, body)
			}
			if strings.Contains(body, "root:") || body == "outside" || strings.Contains(body, "c2VjcmV0") || body == "secret" {
				t.Errorf("%s %q answers %q", route, path, body)
			}
		}
	}
}

func TestALogDirectoryThatIsALinkIsNotRead(t *testing.T) {
	n := newNode(t)
	n.must(os.Rename(n.path("alloc/logs"), n.path("server/secrets/logs")))
	n.must(os.Symlink("../server/secrets/logs", n.path("alloc/logs")))
	if response, body := n.get("logs?task=server&type=stdout"); response.StatusCode != 400 {
		t.Errorf("%s: %s", response.Status, body)
	}
}

// frames is a stream being read.
type frames struct {
	n       *node
	decoder *json.Decoder
	cancel  context.CancelFunc
	body    io.Closer
}

func (n *node) follow(call string) *frames {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	response := n.open(ctx, call)
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		n.t.Fatalf("%s: %s %s %v", call, response.Status, body, err)
	}
	f := &frames{n, json.NewDecoder(bufio.NewReader(response.Body)), cancel, response.Body}
	n.t.Cleanup(f.leave)
	return f
}

func (f *frames) leave() {
	f.cancel()
	if err := f.body.Close(); err != nil && !errors.Is(err, context.Canceled) {
		f.n.t.Error(err)
	}
}

// next returns the next frame that is no heartbeat; false at the end.
func (f *frames) next() (api.StreamFrame, bool) {
	f.n.t.Helper()
	for {
		var frame api.StreamFrame
		err := f.decoder.Decode(&frame)
		if errors.Is(err, io.EOF) {
			return frame, false
		}
		f.n.must(err)
		if frame.File != "" || frame.FileEvent != "" || len(frame.Data) > 0 {
			return frame, true
		}
	}
}

func (f *frames) expect(want api.StreamFrame) {
	f.n.t.Helper()
	got, ok := f.next()
	if !ok || got.File != want.File || got.Offset != want.Offset || got.FileEvent != want.FileEvent || string(got.Data) != string(want.Data) {
		f.n.t.Fatalf("frame %+v, %v; want %+v", got, ok, want)
	}
}

func (f *frames) expectEnd() {
	f.n.t.Helper()
	if got, ok := f.next(); ok {
		f.n.t.Fatalf("frame %+v, want the end", got)
	}
}

func TestAFollowedLogGoesOnAcrossRotationUntilItsTaskHasEnded(t *testing.T) {
	n := newNode(t)
	f := n.follow("logs?task=server&type=stdout&follow=true")
	f.expect(api.StreamFrame{File: "alloc/logs/server.stdout.0", Offset: 13, Data: []byte("Serving HTTP\n")})
	n.write("alloc/logs/server.stdout.0", "more\n")
	f.expect(api.StreamFrame{File: "alloc/logs/server.stdout.0", Offset: 18, Data: []byte("more\n")})
	n.write("alloc/logs/server.stdout.1", "next\n")
	f.expect(api.StreamFrame{File: "alloc/logs/server.stdout.1", Offset: 5, Data: []byte("next\n")})
	n.must(os.Remove(n.path("alloc/logs/server.stdout.0")))
	n.write("alloc/logs/server.stdout.1", "last\n")
	close(n.ended)
	f.expect(api.StreamFrame{File: "alloc/logs/server.stdout.1", Offset: 10, Data: []byte("last\n")})
	f.expectEnd()
}

func TestAFollowedLogOfAnEndedTaskEnds(t *testing.T) {
	n := newNode(t)
	close(n.ended)
	f := n.follow("logs?task=server&type=stdout&follow=true&origin=end&offset=5")
	f.expect(api.StreamFrame{File: "alloc/logs/server.stdout.0", Offset: 13, Data: []byte("HTTP\n")})
	f.expectEnd()
}

func TestAFollowedFileTellsOfTruncationAndEndsWithDeletion(t *testing.T) {
	n := newNode(t)
	n.write("server/local/f", "0123456789")
	f := n.follow("stream?path=server/local/f&origin=end&offset=3")
	f.expect(api.StreamFrame{File: "server/local/f", Offset: 10, Data: []byte("789")})
	n.must(os.Truncate(n.path("server/local/f"), 0))
	f.expect(api.StreamFrame{File: "server/local/f", FileEvent: "file truncated"})
	n.write("server/local/f", "ab")
	f.expect(api.StreamFrame{File: "server/local/f", Offset: 2, Data: []byte("ab")})
	n.must(os.Remove(n.path("server/local/f")))
	f.expect(api.StreamFrame{File: "server/local/f", Offset: 2, FileEvent: "file deleted"})
	f.expectEnd()
}

func TestAFollowedFileEndsAtItsLimit(t *testing.T) {
	n := newNode(t)
	n.write("server/local/f", "01234")
	f := n.follow("stream?path=server/local/f&limit=8")
	f.expect(api.StreamFrame{File: "server/local/f", Offset: 5, Data: []byte("01234")})
	n.write("server/local/f", "56789")
	f.expect(api.StreamFrame{File: "server/local/f", Offset: 8, Data: []byte("567")})
	f.expectEnd()
}

func TestAQuietStreamBeats(t *testing.T) {
	n := newNode(t)
	f := n.follow("stream?path=alloc/logs/server.stdout.0&offset=13")
	for range 3 {
		var frame map[string]any
		n.must(f.decoder.Decode(&frame))
		if len(frame) != 0 {
			t.Errorf("heartbeat %v", frame)
		}
	}
}

// A stream that a client left must not stay behind: closing the server waits for it,
// and TestMain looks for goroutines.
func TestAStreamEndsWhenItsClientLeaves(t *testing.T) {
	n := newNode(t)
	for i := range 20 {
		f := n.follow(fmt.Sprintf("logs?task=server&type=stdout&follow=true&plain=%v", i%2 == 0))
		f.leave()
	}
}
