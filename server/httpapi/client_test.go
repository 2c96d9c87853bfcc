package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
)

func TestRequestsAboutAnAllocationAreAnsweredByItsNode(t *testing.T) {
	c := newCluster(t)
	c.hello()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		w.Header().Set("Content-Type", "text/x-agent")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), b)
	}))
	for path, method := range map[string]string{
		"/v1/client/fs/ls/" + helloAlloc + "?path=/":                                   http.MethodGet,
		"/v1/client/fs/stat/" + helloAlloc + "?path=a%20b":                             http.MethodGet,
		"/v1/client/fs/cat/" + helloAlloc + "?path=../../etc":                          http.MethodGet,
		"/v1/client/fs/readat/" + helloAlloc + "?offset=0&limit=4":                     http.MethodGet,
		"/v1/client/fs/stream/" + helloAlloc + "?path=x":                               http.MethodGet,
		"/v1/client/fs/logs/" + helloAlloc + "?task=t&type=stdout&follow=true&plain=1": http.MethodGet,
		"/v1/client/allocation/" + helloAlloc + "/stats":                               http.MethodGet,
		"/v1/client/allocation/" + helloAlloc + "/restart":                             http.MethodPut,
		"/v1/client/allocation/" + helloAlloc + "/signal":                              http.MethodPost,
		"/v1/client/stats?node_id=" + helloNode:                                        http.MethodGet,
	} {
		body := ""
		if method != http.MethodGet {
			body = `{"Signal":"SIGHUP"}`
		}
		a := c.do(method, path, body)
		if want := method + " " + path + " " + body; a.status != http.StatusTeapot || string(a.body) != want {
			t.Errorf("%d %s, want %s", a.status, a.body, want)
		}
		if a.header.Get("Content-Type") != "text/x-agent" || a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: headers %v", path, a.header)
		}
	}
}

func TestANodeOutOfReachIsSaidSo(t *testing.T) {
	c := newCluster(t)
	c.hello()
	for path, want := range map[string]int{
		"/v1/client/fs/ls/" + helloAlloc:                                http.StatusServiceUnavailable,
		"/v1/client/stats?node_id=" + helloNode:                         http.StatusServiceUnavailable,
		"/v1/client/fs/ls/00000000-0000-0000-0000-000000000000":         http.StatusNotFound,
		"/v1/client/fs/ls/zz":                                           http.StatusBadRequest,
		"/v1/client/stats":                                              http.StatusBadRequest,
		"/v1/client/stats?node_id=zz":                                   http.StatusBadRequest,
		"/v1/client/stats?node_id=00000000-0000-0000-0000-000000000000": http.StatusNotFound,
		"/v1/client/allocation/" + helloAlloc + "/exec":                 http.StatusServiceUnavailable,
		"/v1/client/fs/rm/" + helloAlloc:                                http.StatusNotFound,
	} {
		if a := c.do(http.MethodGet, path, ""); a.status != want || len(a.body) == 0 {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}

func TestAnAgentThatBreaksOffIsNotTakenForTheWhole(t *testing.T) {
	c := newCluster(t)
	c.hello()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		panic(http.ErrAbortHandler)
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://drover/v1/client/fs/cat/"+helloAlloc, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.client.Do(r)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		if closeErr := response.Body.Close(); closeErr != nil {
			t.Error(closeErr)
		}
	}
	if err == nil {
		t.Error("the answer looks whole")
	}
}

// following is an agent that sends a line whenever it is told to, for as long as
// somebody reads.
type following struct {
	lines chan string
	left  chan struct{}
}

func (f *following) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer close(f.left)
	for {
		select {
		case line := <-f.lines:
			fmt.Fprintln(w, line)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func follow(t *testing.T, test func(c *cluster, f *following, lines *bufio.Scanner, leave func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.hello()
		f := &following{lines: make(chan string), left: make(chan struct{})}
		c.nodes.connect(helloNode, f)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://drover/v1/client/fs/logs/"+helloAlloc+"?follow=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { f.lines <- "first" }()
		response, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		if !lines.Scan() || lines.Text() != "first" {
			t.Fatalf("read %q", lines.Text())
		}
		test(c, f, lines, cancel)
	})
}

func TestLogsComeThroughAsTheyAreWritten(t *testing.T) {
	follow(t, func(c *cluster, f *following, lines *bufio.Scanner, _ func()) {
		for i := range 5 {
			want := fmt.Sprint("line ", i)
			f.lines <- want
			if !lines.Scan() || lines.Text() != want {
				c.t.Fatalf("read %q, want %q", lines.Text(), want)
			}
		}
	})
}

func TestAnAgentLearnsThatNobodyReadsAnyMore(t *testing.T) {
	follow(t, func(_ *cluster, f *following, _ *bufio.Scanner, leave func()) {
		leave()
		<-f.left
	})
}

func TestFollowingLogsEndsWhenTheServerStops(t *testing.T) {
	follow(t, func(c *cluster, f *following, lines *bufio.Scanner, _ func()) {
		c.stop()
		for lines.Scan() {
			c.t.Errorf("read %q", lines.Text())
		}
		<-f.left
	})
}

func TestAnAllocationPlacedElsewhereAMomentAgoIsFound(t *testing.T) {
	c := newCluster(t)
	c.nodes.connect("n", http.NotFoundHandler())
	c.put(&api.Allocation{ID: helloAlloc, NodeID: "n"})
	if a := c.do(http.MethodGet, "/v1/client/fs/ls/"+helloAlloc, ""); a.status != http.StatusNotFound || string(a.body) != "404 page not found\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
