package nodeagent

import (
	"context"
	"net"
	"sync"
)

// uplink is the session that there is, for those who ask the servers something.
type uplink struct {
	mu      sync.Mutex // guards the rest
	session Session    // nil: there is none now
	changed chan struct{}
}

func newUplink() *uplink { return &uplink{changed: make(chan struct{})} }

// set says which session there is; nil: none.
func (u *uplink) set(s Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.session = s
	close(u.changed)
	u.changed = make(chan struct{})
}

// Dial opens a connection to a server for its HTTP API, as soon as there is a session.
func (u *uplink) Dial(ctx context.Context) (net.Conn, error) {
	for {
		u.mu.Lock()
		session, changed := u.session, u.changed
		u.mu.Unlock()
		if session != nil {
			return session.OpenStream(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
