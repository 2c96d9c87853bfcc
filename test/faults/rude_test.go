package faults

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// rude opens connections that say something and then neither speak nor read.
func rude(t *testing.T, port string, n int, say string) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.(*net.TCPConn).SetReadBuffer(2048); err != nil { // the kernel should not read for them
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(say)); err != nil {
			t.Logf("write: %v", err) // it may have been hung up on
		}
	}
}

// works runs a job from its submission to its end.
func works(t *testing.T, a *cluster.Agent, id string, count int) {
	t.Helper()
	a.Must(0, "job", "run", "-detach", jobFile(t, fmt.Sprintf(`
job "%s" { type = "batch"; group "g" { count = %d
  task "t" { driver = "raw_exec"; config { command = "/bin/true" }
    resources { cpu = 1; memory = 10 }
  } } }`, id, count)))
	a.AwaitSummary(id, "complete", func(g api.TaskGroupSummary) bool { return g.Complete == count })
}

func TestThoseWhoNeverReadCostLittleAndStopNobody(t *testing.T) {
	t.Parallel()
	const (
		readers  = 60
		allocs   = 200
		memory   = 200 << 20
		patience = "GET /v1/jobs?index=1000000&wait=60s HTTP/1.1\r\nHost: x\r\n\r\n"
		stream   = "GET /v1/event/stream HTTP/1.1\r\nHost: x\r\n\r\n"
	)
	a := cluster.Start(t, cluster.Options{})
	rude(t, a.Ports.HTTP, readers, stream)
	rude(t, a.Ports.HTTP, readers, patience)
	works(t, a, "among-them", allocs)
	if m := a.Memory(); m > memory {
		t.Errorf("%d MiB of memory, want at most %d", m>>20, memory>>20)
	}
}

func TestGarbageAndSilenceStopNobody(t *testing.T) {
	t.Parallel()
	garbage := make([]byte, 2000)
	if _, err := rand.Read(garbage); err != nil {
		t.Fatal(err)
	}
	a := cluster.Start(t, cluster.Options{})
	before := a.Files()
	const each = 100
	for _, port := range []string{a.Ports.HTTP, a.Ports.Session} {
		rude(t, port, each, string(garbage))
		rude(t, port, each, "")
	}
	rude(t, a.Ports.HTTP, each, "GET /v1/nodes HTTP/1.1\r\nHost: x\r\nX-A: ")
	rude(t, a.Ports.Session, each, "drover session 1\n")
	rude(t, a.Ports.Session, each, "drover session 1\n\x00\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00"+
		"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x08\x7f\xff\xff\xffaaaa") // a frame of 2 GiB, it says
	works(t, a, "among-it", 3)
	a.Await("the silent to be hung up on", func(context.Context) bool { return a.Files() < before+each })
}

func TestConnectionsDoNotTakeTheFilesThatTheStoreNeeds(t *testing.T) {
	t.Parallel()
	a := cluster.Start(t, cluster.Options{Files: 300})
	rude(t, a.Ports.Session, 400, "")
	works(t, a, "sessions", 3)
	rude(t, a.Ports.HTTP, 400, "")
	works(t, a, "http", 3)
	a.AwaitNode(api.NodeReady)
}
