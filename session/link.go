package session

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// link is the connection below a session. Reading from it fails when nothing has come
// for as long as the timeout: a cable that is cut says nothing.
type link struct {
	net.Conn
	opened  time.Time
	timeout atomic.Int64 // nanoseconds
	heard   atomic.Int64 // nanoseconds after opened
	silent  atomic.Bool  // nothing came for so long
}

// ErrSilent says that a session ended because nothing was heard of the other side.
var ErrSilent = errors.New("nothing was heard of the other side")

func newLink(raw net.Conn, timeout time.Duration) *link {
	l := &link{Conn: raw, opened: time.Now()}
	l.timeout.Store(int64(timeout))
	return l
}

// Read implements net.Conn.
func (l *link) Read(b []byte) (int, error) {
	if err := l.expect(); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.heard.Store(int64(time.Since(l.opened)))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.silent.Store(true)
		return n, ErrSilent // for good: it is not one of those errors after which one tries again
	}
	return n, err
}

// expect gives the other side until the timeout to say something.
func (l *link) expect() error {
	return l.SetReadDeadline(time.Now().Add(time.Duration(l.timeout.Load())))
}

// setTimeout changes the timeout, also for who reads already.
func (l *link) setTimeout(d time.Duration) error {
	l.timeout.Store(int64(d))
	return l.expect()
}

func (l *link) lastHeard() time.Time { return l.opened.Add(time.Duration(l.heard.Load())) }
