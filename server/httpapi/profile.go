package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

const (
	// profileTime is how long a profile over time runs if the client does not say.
	profileTime = time.Second
	// profileMax keeps a client from having the process watched for ever.
	profileMax = 10 * time.Minute
)

// readProfile is GET /v1/agent/pprof/{profile}: profiles of this process, if its
// configuration allows that.
func readProfile(c *call) error {
	if !c.api.agent.Debug {
		return wordedf(api.ErrDenied, "Permission denied: profiles are shown by agents with enable_debug = true in their configuration")
	}
	for _, other := range []string{"node_id", "server_id"} {
		if id := c.query.Get(other); id != "" && id != c.api.agent.ServerID && id != c.api.agent.Name {
			return notSupported("profiles of another agent; ask it itself")
		}
	}
	switch name := c.path["profile"]; name {
	case "cmdline":
		return c.sendProfile(name, true, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(os.Args, "\x00"))
			return err
		})
	case "profile":
		return c.watch(name, pprof.StartCPUProfile, pprof.StopCPUProfile)
	case "trace":
		return c.watch(name, trace.Start, trace.Stop)
	default:
		return c.lookUp(name)
	}
}

// watch sends a profile that is made over some time. There is one of a kind at once.
func (c *call) watch(name string, start func(io.Writer) error, stop func()) error {
	seconds, err := c.number("seconds")
	if err != nil {
		return err
	}
	span := profileTime
	if seconds > 0 {
		span = min(time.Duration(min(seconds, uint64(profileMax/time.Second)))*time.Second, profileMax)
	}
	var made bytes.Buffer // a client that reads slowly must not hold up what is watched
	if err := start(&made); err != nil {
		return wordedf(api.ErrConflict, "%s: %v; try again when that has ended", name, err)
	}
	err = c.pause(span)
	stop()
	if err != nil {
		return err
	}
	return c.sendProfile(name, false, func(w io.Writer) error {
		_, err := made.WriteTo(w)
		return err
	})
}

// pause waits, unless the client or the server goes.
func (c *call) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.http.Context().Done():
		return context.Cause(c.http.Context())
	case <-c.api.serving.Done():
		return errors.New("the agent ends")
	}
}

// lookUp sends a profile of how things are. With ?debug it is text, with ?gc the
// garbage is collected first, so that a heap is what is in use.
func (c *call) lookUp(name string) error {
	debug, err := c.number("debug")
	if err != nil {
		return err
	}
	collect, err := c.number("gc")
	if err != nil {
		return err
	}
	p := pprof.Lookup(name)
	if p == nil {
		return notFound(fmt.Sprintf("profile %q", name))
	}
	if collect > 0 {
		runtime.GC()
	}
	return c.sendProfile(name, debug > 0, func(w io.Writer) error { return p.WriteTo(w, int(min(debug, 2))) })
}

func (c *call) sendProfile(name string, text bool, write func(io.Writer) error) error {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if text {
		return c.send("text/plain; charset=utf-8", write)
	}
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	return c.send("application/octet-stream", write)
}
