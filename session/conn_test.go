package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a session.
func pair(t *testing.T) (agent, server *Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *Conn, 1)
	failed := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			failed <- err
			return
		}
		c, err := Accept(t.Context(), raw)
		if err != nil {
			failed <- err
			return
		}
		accepted <- c
	}()
	agent, err = Dial(t.Context(), l.Addr().String())
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
