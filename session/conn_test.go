package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a session.
func pair(t *testing.T) (agent, server *Conn) {
	t.Helper()
	l := listen(t)
	return connect(t, l, l.Addr().String(), DefaultTimeout)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// connect returns both ends of a session with a server that listens, by an address.
func connect(t *testing.T, l net.Listener, address string, timeout time.Duration) (agent, server *Conn) {
	t.Helper()
	accepted := make(chan *Conn, 1)
	failed := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			failed <- err
			return
		}
		c, err := Accept(t.Context(), raw, timeout)
		if err != nil {
			failed <- err
			return
		}
		accepted <- c
	}()
	agent, err := Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	select {
	case server = <-accepted:
		t.Cleanup(func() { server.Close() })
		return agent, server
	case err := <-failed:
		t.Fatal(err)
		return nil, nil
	}
}

// line forwards one connection to a listener, until it is cut: then it takes what it is
// given, and nobody hears of it.
type line struct {
	net.Listener
	isCut atomic.Bool
}

func newLine(t *testing.T, to net.Listener) *line {
	l := &line{Listener: listen(t)}
	var running sync.WaitGroup
	running.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", to.Addr().String())
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		running.Go(func() { l.forward(near, far) })
		running.Go(func() { l.forward(far, near) })
		<-t.Context().Done()
		near.Close()
		far.Close()
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l
}

func (l *line) forward(from, to net.Conn) {
	b := make([]byte, 1<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if l.isCut.Load() {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// Neither side is told of it; both know by the silence, within the timeout that the
// server has and the agent was told.
func TestBothSidesNoticeThatTheLineWasCut(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	l := listen(t)
	between := newLine(t, l)
	agent, server := connect(t, l, between.Addr().String(), timeout)
	if err := server.Send(t.Context(), &Frame{Welcome: &Welcome{Timeout: timeout}}); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Recv(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Conn{agent, server} { // nothing is sent, and both hear of each other still
		for began := c.Heard(); !c.Heard().After(began.Add(timeout)); {
			select {
			case <-c.Done():
				t.Fatal("the session ended by itself")
			case <-time.After(timeout / keepAlives):
			}
		}
	}
	served := make(chan error, 1)
	go func() { served <- agent.ServeHTTP(t.Context(), http.NotFoundHandler()) }()
	between.isCut.Store(true)
	cut := time.Now()
	patience, cancel := context.WithTimeout(t.Context(), DefaultTimeout/2)
	defer cancel()
	for who, c := range map[string]*Conn{"agent": agent, "server": server} {
		if _, err := c.Recv(patience); !errors.Is(err, ErrSilent) {
			t.Errorf("the %s got %v", who, err)
		}
		if heard := c.Heard(); heard.After(cut.Add(timeout)) {
			t.Errorf("the %s heard something %s after the cut", who, heard.Sub(cut))
		}
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestFramesArriveWholeAndInOrder(t *testing.T) {
	agent, server := pair(t)
	const frames = 100
	sent := make(chan error, 1)
	go func() {
		for i := range frames {
			b := &StatusBatch{Seq: uint64(i)}
			for range i * 10 {
				b.Statuses = append(b.Statuses, &api.AllocationStatus{ID: "a", ClientStatus: api.AllocClientRunning})
			}
			if err := agent.Send(t.Context(), &Frame{Statuses: b}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range frames {
		f, err := server.Recv(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Statuses.Seq != uint64(i) || len(f.Statuses.Statuses) != i*10 {
			t.Fatalf("frame %d: seq %d with %d statuses", i, f.Statuses.Seq, len(f.Statuses.Statuses))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestRecvEndsWithItsContextAndWithTheOtherSide(t *testing.T) {
	agent, server := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.Recv(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
	if _, err := agent.Recv(t.Context()); err == nil {
		t.Error("the other side's end went unnoticed")
	}
	<-agent.Done()
}

func TestATooLargeFrameIsRefusedBeforeItIsRead(t *testing.T) {
	r := bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	if _, _, err := readFrame(r, nil); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestFramesReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &Frame{Desired: &Desired{
			Index: rapid.Uint64().Draw(t, "index"), Full: rapid.Bool().Draw(t, "full"),
			Removed: rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "removed"),
		}}
		b, err := appendFrame([]byte("rest of a buffer"), want)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := readFrame(bytes.NewReader(b[len("rest of a buffer"):]), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Desired.Index != want.Desired.Index || got.Desired.Full != want.Desired.Full || len(got.Desired.Removed) != len(want.Desired.Removed) {
			t.Fatalf("got %+v, want %+v", got.Desired, want.Desired)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	for _, frame := range []*Frame{
		{Hello: &Hello{Version: 1, Node: &api.Node{ID: "n"}}},
		{Statuses: &StatusBatch{Seq: 1, Statuses: []*api.AllocationStatus{{ID: "a"}}}},
		{Goodbye: &Goodbye{}},
	} {
		b, err := appendFrame(nil, frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, _, err := readFrame(bytes.NewReader(b), nil)
		if err == nil {
			if _, err := appendFrame(nil, frame); err != nil {
				t.Errorf("what was read can't be written: %v", err)
			}
		} else if errors.Is(err, io.ErrNoProgress) {
			t.Error(err)
		}
	})
}
