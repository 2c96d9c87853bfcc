package nodeagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/droverhq/drover/session"
)

const (
	// dialTimeout and welcomeTimeout bound how long a server may take before another
	// one is asked.
	dialTimeout    = 5 * time.Second
	welcomeTimeout = 15 * time.Second
	// firstRetry is short: servers that have just been started, or have lost their
	// leader, are there in a moment.
	firstRetry = 25 * time.Millisecond
	lastRetry  = 5 * time.Second
	// refusedRetry is for servers that said that trying again is of no use.
	refusedRetry = 30 * time.Second
)

// connector keeps a session with some server.
type connector struct {
	a       *Agent
	servers []string // the one to ask next comes first
	welcome bool     // the last try got as far as a Welcome
}

// errRefused says that a server does not want this node.
var errRefused = errors.New("refused for good")

func (c *connector) run(ctx context.Context) {
	delay := firstRetry
	for ctx.Err() == nil {
		c.welcome = false
		began := time.Now()
		err := c.session(ctx, c.servers[0])
		if ctx.Err() != nil || errors.Is(err, errGoodbye) {
			return
		}
		if c.welcome && time.Since(began) > lastRetry { // else something is wrong with the session itself
			delay = firstRetry
		}
		pause := jittered(delay)
		if errors.Is(err, errRefused) {
			pause = jittered(refusedRetry)
		}
		c.a.log.Info("not connected", "server", c.servers[0], "reason", err.Error(), "retry", pause.String())
		c.servers = append(c.servers[1:], c.servers[0])
		delay = min(2*delay, lastRetry)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// session holds one session to its end and says why it ended.
func (c *connector) session(ctx context.Context, address string) error {
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := c.a.opts.Dial(dialCtx, address)
	cancel()
	if err != nil {
		return err
	}
	if err := c.hello(ctx, conn, address); err != nil {
		return errors.Join(err, conn.Close())
	}
	c.a.uplink.set(conn)
	defer c.a.uplink.set(nil)
	c.a.contact.set(true, time.Now())
	defer func() { c.a.contact.set(false, conn.Heard()) }() // a line that is cut goes unnoticed for a time
	ctx, stop := context.WithCancelCause(ctx)
	var others sync.WaitGroup
	reports := make(chan struct{}) // closed when the full set is known: before that, reports may be about what is not there any more
	others.Go(func() { stop(cmp.Or(conn.ServeHTTP(ctx, c.a.sessionHandler()), errEnded)) })
	others.Go(func() { stop(c.send(ctx, conn, reports)) })
	stop(c.receive(ctx, conn, reports))
	err = errors.Join(context.Cause(ctx), conn.Close())
	others.Wait()
	c.a.reporter.reset(time.Now())
	return err
}

var errEnded = errors.New("the session has ended")

func (c *connector) hello(ctx context.Context, conn Session, address string) error {
	ctx, cancel := context.WithTimeout(ctx, welcomeTimeout)
	defer cancel()
	err := conn.Send(ctx, &session.Frame{Hello: &session.Hello{Version: session.Version, Node: c.a.node.Load()}})
	if err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	f, err := conn.Recv(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("wait for welcome: %w", err)
	case f.Refused != nil && !f.Refused.Retry:
		return fmt.Errorf("%w: %s", errRefused, f.Refused.Reason)
	case f.Refused != nil:
		return fmt.Errorf("refused: %s", f.Refused.Reason)
	case f.Welcome == nil:
		return errors.New("server answered hello with something else than welcome")
	}
	c.welcome = true
	c.learn(f.Welcome.Servers, address)
	c.a.log.Info("connected", "server", address, "session", f.Welcome.SessionID)
	c.a.setReady()
	return nil
}

// learn takes the servers that this one knows, the own ones behind them, in case
// all that were learned are gone.
func (c *connector) learn(servers []string, current string) {
	list := []string{current}
	for _, s := range slices.Concat(servers, c.a.opts.Servers) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	c.servers = list
}

func (c *connector) receive(ctx context.Context, conn Session, reports chan struct{}) error {
	open := false
	for {
		f, err := conn.Recv(ctx)
		if err != nil {
			return err
		}
		switch {
		case f.Desired != nil:
			if err := c.a.worker.apply(f.Desired); err != nil {
				return err
			}
			if f.Desired.Full && !open {
				open = true
				close(reports)
			}
		case f.Ack != nil:
			c.a.reporter.acknowledge(f.Ack.Seq, time.Now())
		case f.Refused != nil:
			return fmt.Errorf("session ended by the server: %s", f.Refused.Reason)
		default:
			return errors.New("server sent a frame that agents don't take")
		}
	}
}

// send sends what there is to say: reports, changed facts, goodbye.
func (c *connector) send(ctx context.Context, conn Session, reports <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-reports:
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	draining := c.a.draining
	for {
		if draining != nil && isClosed(draining) { // a new session asks again
			draining = nil
			if err := conn.Send(ctx, c.a.leaveFrame()); err != nil {
				return err
			}
		}
		b, wait := c.a.reporter.next(time.Now())
		if b != nil {
			if err := conn.Send(ctx, &session.Frame{Statuses: b}); err != nil {
				return err
			}
			continue
		}
		timer.Stop()
		if wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.a.reporter.wake:
		case <-draining:
		case <-timer.C:
		case <-c.a.factsChanged:
			if err := conn.Send(ctx, &session.Frame{Facts: c.a.node.Load()}); err != nil {
				return err
			}
		case <-c.a.leaving:
			if draining != nil && isClosed(draining) {
				continue
			}
			// The server hangs up at once, which may look as if it had not heard.
			return errors.Join(errGoodbye, conn.Send(ctx, &session.Frame{Goodbye: &session.Goodbye{}}))
		}
	}
}

var errGoodbye = errors.New("the agent said goodbye")
