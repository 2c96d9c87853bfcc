package checks

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// answering is a server that says what it was asked, and fails where it is told to.
func answering(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/ok":
			w.WriteHeader(http.StatusNoContent)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		case "/empty":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/large":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		default:
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "%s %s%s host=%s x=%s body=%s", r.Method, r.URL.Path, "?"+r.URL.RawQuery, r.Host, r.Header.Get("X-Test"), body)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func probe(t *testing.T, s Spec) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.Timeout)
	defer cancel()
	return newProber().probe(ctx, &s)
}

func TestHTTPChecks(t *testing.T) {
	plain, secure := answering(t, false), answering(t, true)
	free := freePort(t)
	for name, c := range map[string]struct {
		spec   Spec
		ok     bool
		code   int
		output string // a part of it
	}{
		"a good status":               {Spec{Path: "/ok"}, true, 204, httpOK},
		"it is sent on":               {Spec{Path: "/moved"}, true, 204, httpOK},
		"it is sent in circles":       {Spec{Path: "/loop"}, false, 0, "sent on 10 times"},
		"a bad status, and why":       {Spec{Path: "/x?a=1"}, false, 418, "GET /x?a=1"},
		"without a word":              {Spec{Path: "/empty"}, false, 503, "503 Service Unavailable"},
		"the request is as asked":     {Spec{Path: "/x", Method: "POST", Body: "b", Header: map[string][]string{"x-test": {"h"}, "host": {"shop"}}}, false, 418, "POST /x? host=shop x=h body=b"},
		"nobody listens":              {Spec{Path: "/", Address: free}, false, 0, "connection refused"},
		"no answer in time":           {Spec{Path: "/slow", Timeout: 50 * time.Millisecond}, false, 0, "no answer within 50ms"},
		"an unknown certificate":      {Spec{Path: "/ok", Scheme: "https"}, false, 0, "certificate"},
		"whose name is not looked at": {Spec{Path: "/ok", Scheme: "https", TLSSkipVerify: true}, true, 204, httpOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.spec
			s.Type = api.CheckHTTP
			if s.Timeout == 0 {
				s.Timeout = 30 * time.Second
			}
			server := plain
			if s.Scheme == "https" {
				server = secure
			} else {
				s.Scheme = "http"
			}
			if s.Address == "" {
				s.Address = server.Listener.Addr().String()
			}
			if o := probe(t, s); o.OK != c.ok || o.Code != c.code || !strings.Contains(o.Output, c.output) {
				t.Errorf("got %+v", o)
			}
		})
	}
	o := probe(t, Spec{Type: api.CheckHTTP, Scheme: "http", Path: "/large", Address: plain.Listener.Addr().String(), Timeout: time.Minute})
	if o.OK || len(o.Output) != maxOutput {
		t.Errorf("%d bytes of a large answer are kept", len(o.Output))
	}
}

// freePort is an address on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func TestTCPChecks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := Spec{Type: api.CheckTCP, Address: l.Addr().String(), Timeout: time.Minute}
	if o := probe(t, s); !o.OK || o.Output != tcpOK {
		t.Errorf("somebody listens: %+v", o)
	}
	s.Address = freePort(t)
	if o := probe(t, s); o.OK || !strings.Contains(o.Output, "refused") {
		t.Errorf("nobody listens: %+v", o)
	}
}

func TestUnknownTypeOfCheckFails(t *testing.T) {
	if o := probe(t, Spec{Type: "ping", Timeout: time.Minute}); o.OK || !strings.Contains(o.Output, `"ping"`) {
		t.Errorf("got %+v", o)
	}
}
