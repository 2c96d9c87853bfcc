package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

const (
	// maxMessage bounds a message from the user, in bytes.
	maxMessage = 1 << 20
	// maxPiece is how much output goes into one message, in bytes.
	maxPiece = 32 << 10
	// maxReason is how long the reason of a close may be, by the protocol of websockets.
	maxReason = 123
	// heartbeat is how often the sides show that they are still there, patience how
	// long the user may take to answer.
	heartbeat = 10 * time.Second
	patience  = 20 * time.Second
)

// Run runs a command whose streams it is given; see driver.Executor. An error ends the
// websocket with its text as the reason.
type Run func(ctx context.Context, c driver.Command) (driver.ExitResult, error)

// Serve makes a websocket of a request and runs a command over it, to its end. The
// caller has looked where the request comes from.
func Serve(w http.ResponseWriter, r *http.Request, tty bool, run Run) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // it has been answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(r.Context())
	s := &session{conn: conn, ctx: ctx, cancel: cancel, sizes: make(chan driver.TerminalSize, 1)}
	s.typed, s.typing = io.Pipe()

	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	others.Go(s.receive)
	others.Go(s.beat)
	result, err := run(ctx, driver.Command{
		TTY: tty, Stdin: s.typed, Sizes: s.sizes,
		Stdout: output(func(piece *api.ExecStream) error { return s.send(api.ExecOutput{Stdout: piece}) }),
		Stderr: output(func(piece *api.ExecStream) error { return s.send(api.ExecOutput{Stderr: piece}) }),
	})
	_ = s.typed.Close() // nobody reads it any more, and who writes must not wait; never fails
	if err == nil && result.Err != "" {
		err = fmt.Errorf("the command ended, but not known how: %s", result.Err)
	}
	if ctx.Err() != nil {
		return // there is nobody to tell
	}
	s.finish(result, err)
}

// session is one websocket.
type session struct {
	conn   *websocket.Conn
	ctx    context.Context
	cancel context.CancelFunc
	typed  *io.PipeReader
	typing *io.PipeWriter
	sizes  chan driver.TerminalSize // holds one
	// full says that what came has not been read yet by the command, and that nothing
	// further is received until it has.
	full atomic.Bool
}

// finish tells how the command ended, or why it did not. Who has gone meanwhile does not
// want to know.
func (s *session) finish(result driver.ExitResult, failed error) {
	if failed != nil {
		_ = s.conn.Close(websocket.StatusInternalError, shortened(failed.Error()))
		return
	}
	end := &api.ExecStream{Close: true}
	for _, message := range []api.ExecOutput{
		{Stdout: end},
		{Stderr: end},
		{Exited: true, Result: &api.ExecResult{ExitCode: result.ExitCode}},
	} {
		if s.send(message) != nil {
			return
		}
	}
	_ = s.conn.Close(websocket.StatusNormalClosure, "")
}

// shortened makes a close reason of a text.
func shortened(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	reason = reason[:maxReason-len("…")]
	for !utf8.ValidString(reason) {
		reason = reason[:len(reason)-1]
	}
	return reason + "…"
}

func (s *session) send(message api.ExecOutput) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.conn.Write(s.ctx, websocket.MessageText, b)
}

// output is a stream that goes out in pieces.
type output func(*api.ExecStream) error

func (o output) Write(b []byte) (int, error) {
	for n := 0; n < len(b); n += maxPiece {
		if err := o(&api.ExecStream{Data: b[n:min(n+maxPiece, len(b))]}); err != nil {
			return n, err
		}
	}
	return len(b), nil
}

// receive takes what the user sends, until there is nobody: then the command is given
// up.
func (s *session) receive() {
	defer s.cancel()
	defer close(s.sizes)
	defer func() { _ = s.typing.Close() }() // it never fails
	for {
		_, b, err := s.conn.Read(s.ctx)
		if err != nil {
			return
		}
		var in api.ExecInput
		if err := json.Unmarshal(b, &in); err != nil {
			s.cancel() // now: the user may take a while to take leave
			_ = s.conn.Close(websocket.StatusUnsupportedData, shortened("a message is not the expected JSON: "+err.Error()))
			return
		}
		s.take(&in)
	}
}

func (s *session) take(in *api.ExecInput) {
	if in.Stdin != nil && len(in.Stdin.Data) > 0 {
		s.full.Store(true)
		_, _ = s.typing.Write(in.Stdin.Data) // that the command does not want it is no error
		s.full.Store(false)
	}
	if in.Stdin != nil && in.Stdin.Close {
		_ = s.typing.Close() // never fails
	}
	if size := in.TTYSize; size != nil && size.Height > 0 && size.Width > 0 {
		select {
		case <-s.sizes: // only the newest counts
		default:
		}
		s.sizes <- driver.TerminalSize{Rows: characters(size.Height), Columns: characters(size.Width)}
	}
}

func characters(n int) uint16 { return uint16(min(n, math.MaxUint16)) }

// beat shows the user that the command runs, and looks whether the user is there.
func (s *session) beat() {
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticks.C:
		}
		if !s.there() {
			s.cancel()
			return
		}
	}
}

func (s *session) there() bool {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte("{}")); err != nil {
		return false
	}
	if s.full.Load() {
		return true // the answer to a ping would not be read either
	}
	err := s.conn.Ping(ctx)
	return err == nil || s.full.Load()
}
