package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// How long an engine may take for an answer: it may hang, and the agent must not.
const (
	pingLimit  = 3 * time.Second
	quickLimit = 15 * time.Second // to say how something is
	workLimit  = 2 * time.Minute  // to make or remove a container: its disk may be slow
)

// newClient returns a client, without talking to anybody.
func newClient(o *Options) (*client.Client, error) {
	opts := []client.Opt{client.WithUserAgent("drover")}
	switch {
	case o.Endpoint == "":
		opts = append(opts, client.FromEnv)
	case o.TLS == TLS{}:
		opts = append(opts, client.WithHost(o.Endpoint))
	default:
		opts = append(opts, client.WithTLSClientConfig(o.TLS.CA, o.TLS.Cert, o.TLS.Key), client.WithHost(o.Endpoint))
	}
	cli, err := client.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("address of the engine: %w", err)
	}
	return cli, nil
}

// failure is an error of a start, with whether to try again may help.
type failure struct {
	err   error
	again bool
}

func (f *failure) Error() string     { return f.err.Error() }
func (f *failure) Unwrap() error     { return f.err }
func (f *failure) Recoverable() bool { return f.again }

// again marks an error as one of the moment.
func again(err error) error { return &failure{err, true} }

// ofTheMoment reports whether an error of the engine may be gone the next time: it does not
// answer, it is busy, or something else had what was wanted.
func ofTheMoment(err error) bool {
	return client.IsErrConnectionFailed(err) || errors.Is(err, context.DeadlineExceeded) || cerrdefs.IsInternal(err) ||
		cerrdefs.IsUnavailable(err) || cerrdefs.IsConflict(err)
}

// inspect returns what the engine says of a container; ErrTaskGone if it knows none.
func (d *Driver) inspect(ctx context.Context, nameOrID string) (*container.InspectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	got, err := d.engine.ContainerInspect(ctx, nameOrID, client.ContainerInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return nil, driver.ErrTaskGone
	}
	if err != nil {
		return nil, fmt.Errorf("look at container %s: %w", nameOrID, err)
	}
	return &got.Container, nil
}

// remove removes a container, killing what runs in it. One that is not there is no error.
func (d *Driver) remove(ctx context.Context, nameOrID string) error {
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		_, err := d.engine.ContainerRemove(ctx, nameOrID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || cerrdefs.IsNotFound(err) {
			return nil
		}
		// Somebody else is at it: whose removal fails must not leave it there.
		if !cerrdefs.IsConflict(err) || !sleep(ctx, pause) {
			return fmt.Errorf("remove container %s: %w", nameOrID, err)
		}
	}
}

// Pauses between attempts at what must work in the end.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// sleep waits and reports whether ctx is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errDisabled is what everything says where the operator does not want the driver.
var errDisabled = fmt.Errorf("%w: driver %s is disabled on this node by its operator", api.ErrNotSupported, Name)

// usable says why the driver can't work at all.
func (d *Driver) usable() error {
	if d.o.Disabled {
		return errDisabled
	}
	return d.engineErr
}
