package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	// preface is what an agent sends first.
	preface = "drover session 1\n"

	// DefaultTimeout is how long the other side of a session may be silent.
	DefaultTimeout = 15 * time.Second
	// keepAlives is how often the server asks, within the timeout, whether the agent is
	// still there. The answers are what the server hears when there is no news, the
	// questions what the agent does.
	keepAlives = 3
	// sendTimeout is how long the other side may take no bytes at all.
	sendTimeout = 10 * time.Second
	// handshakeTimeout bounds the preface and the opening of the control stream.
	handshakeTimeout = 10 * time.Second

	// writeMax is how much is given to yamux at once: it keeps a copy of the longest
	// write for as long as the session lives, and a server has thousands of sessions.
	writeMax = 16 << 10
	// scratchMax is how much memory a connection keeps between frames.
	scratchMax = 16 << 10
)

// ErrNotSession says that whoever connected does not speak the session protocol.
var ErrNotSession = errors.New("not a drover session (is this the right port? sessions are on 4647 by default)")

// Conn is one end of a session. Send, OpenStream and Close may be called
// concurrently with everything; Recv is for one goroutine.
type Conn struct {
	link    *link
	mux     *yamux.Session
	control *yamux.Stream
	in      *bufio.Reader
	scratch []byte

	sendMu sync.Mutex // guards out and the order of frames on control
	out    []byte
}

// Dial connects to a server's session port.
func Dial(ctx context.Context, address string) (*Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to server %s: %w", address, err)
	}
	c, err := open(raw)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open session with %s: %w", address, err), raw.Close())
	}
	return c, nil
}

func open(raw net.Conn) (*Conn, error) {
	if err := raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(raw, preface); err != nil {
		return nil, err
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	l := newLink(raw, DefaultTimeout)
	config := muxConfig()
	config.EnableKeepAlive = false
	mux, err := yamux.Client(l, config)
	if err != nil {
		return nil, err
	}
	control, err := mux.OpenStream()
	if err != nil {
		return nil, errors.Join(err, mux.Close())
	}
	return newConn(l, mux, control), nil
}

// Accept makes a session of a connection that an agent opened; it ends when the agent is
// silent for as long as the timeout, which is to be told to the agent in the Welcome. On
// error the connection is closed.
func Accept(ctx context.Context, raw net.Conn, timeout time.Duration) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	c, err := accept(ctx, raw, timeout)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("accept session of %s: %w", raw.RemoteAddr(), err), raw.Close())
	}
	return c, nil
}

func accept(ctx context.Context, raw net.Conn, timeout time.Duration) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { raw.SetReadDeadline(time.Unix(1, 0)) })
	got := make([]byte, len(preface))
	_, err := io.ReadFull(raw, got)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	if string(got) != preface {
		return nil, ErrNotSession
	}
	l := newLink(raw, timeout)
	config := muxConfig()
	config.KeepAliveInterval = timeout / keepAlives
	mux, err := yamux.Server(l, config)
	if err != nil {
		return nil, err
	}
	control, err := mux.AcceptStreamWithContext(ctx)
	if err != nil {
		return nil, errors.Join(err, mux.Close())
	}
	return newConn(l, mux, control), nil
}

func newConn(l *link, mux *yamux.Session, control *yamux.Stream) *Conn {
	return &Conn{link: l, mux: mux, control: control, in: bufio.NewReaderSize(control, 4<<10)}
}

func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.ConnectionWriteTimeout = sendTimeout
	c.LogOutput = io.Discard // what matters comes back as errors
	return c
}

// Send sends a frame. After an error the session is of no use and must be closed.
func (c *Conn) Send(ctx context.Context, f *Frame) error {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	b, err := appendFrame(c.out[:0], f)
	if err != nil {
		return err
	}
	if cap(b) <= scratchMax {
		c.out = b
	}
	deadline := time.Now().Add(3 * sendTimeout) // a peer that reads nothing for so long is as good as gone
	if err := c.control.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("send session frame: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	for part := range slices.Chunk(b, writeMax) {
		if _, err := c.control.Write(part); err != nil {
			return fmt.Errorf("send session frame: %w", err)
		}
	}
	return nil
}

// Recv waits for the next frame. After an error, the context's included, the
// session is of no use and must be closed. io.EOF: the other side closed it; ErrSilent:
// it has been silent for as long as the timeout.
func (c *Conn) Recv(ctx context.Context) (*Frame, error) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	f, buf, err := readFrame(c.in, c.scratch)
	if cap(buf) <= scratchMax {
		c.scratch = buf
	} else {
		c.control.Shrink() // it has grown as much, and would stay so
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if c.link.silent.Load() {
			return nil, fmt.Errorf("%w for %s", ErrSilent, time.Duration(c.link.timeout.Load()))
		}
		return nil, fmt.Errorf("receive session frame: %w", err)
	}
	if f.Welcome != nil && f.Welcome.Timeout > 0 { // an older server says none
		if err := c.link.setTimeout(f.Welcome.Timeout); err != nil {
			return nil, fmt.Errorf("receive session frame: %w", err)
		}
	}
	return f, nil
}

// Heard returns when the other side last gave a sign of life.
func (c *Conn) Heard() time.Time { return c.link.lastHeard() }

// OpenStream opens a stream to the other side, on which it answers HTTP requests
// (see ServeHTTP).
func (c *Conn) OpenStream(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := c.mux.Open()
	if err != nil {
		return nil, fmt.Errorf("open stream on session: %w", err)
	}
	return s, nil
}

// ServeHTTP answers the requests that come on streams which the other side opens,
// until the session ends or ctx is cancelled. It returns when all handlers have.
func (c *Conn) ServeHTTP(ctx context.Context, h http.Handler) error {
	var running sync.RWMutex // each handler holds it for reading
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !running.TryRLock() {
				return // the session has ended
			}
			defer running.RUnlock()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	err := srv.Serve(listener{c.mux})
	closeErr := srv.Close() // ends the connections, and with them the handlers' contexts
	running.Lock()          // waits for them, and none begins any more
	if ctx.Err() != nil || c.mux.IsClosed() {
		return closeErr
	}
	return errors.Join(fmt.Errorf("serve requests on session: %w", err), closeErr)
}

// listener hides that closing a yamux listener closes the whole session, and that what
// ended the session may look like an error that passes: a server of HTTP would try again
// for ever.
type listener struct{ *yamux.Session }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Session.Accept()
	if err != nil {
		return nil, fmt.Errorf("accept stream on session: %w", err)
	}
	return c, nil
}

func (l listener) Close() error { return nil }

// Done is closed when the session has ended.
func (c *Conn) Done() <-chan struct{} { return c.mux.CloseChan() }

// RemoteAddr is the other side's address.
func (c *Conn) RemoteAddr() net.Addr { return c.mux.RemoteAddr() }

// Close ends the session; it may be called more than once.
func (c *Conn) Close() error { return c.mux.Close() }
