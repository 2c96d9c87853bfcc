package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/driver"
)

// images brings images to the node and removes them when no task uses them any more.
type images struct {
	d *Driver

	mu     sync.Mutex       // guards the rest
	pulls  map[string]*pull // by reference
	users  map[string]string
	leave  map[string]*time.Timer // by image, of those that are to be removed
	closed bool
	// removing is held while an image is removed, and by who looks whether one is there.
	removing sync.RWMutex
}

// imageID is how an image is named that has no other name.
var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// imageName returns the full name of an image, and whether it is a moving one: latest is
// another image each time.
func imageName(text string) (name string, moving bool, err error) {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://")
	if imageID.MatchString(text) {
		return text, false, nil
	}
	named, err := reference.ParseDockerRef(text)
	if err != nil {
		wrong := &api.InvalidError{What: "config of driver " + Name}
		wrong.Add("image", fmt.Sprintf("%q is no name of an image: %v", text, err))
		return "", false, wrong
	}
	tagged, ok := named.(reference.Tagged)
	return named.String(), ok && tagged.Tag() == "latest", nil
}

// provide makes sure that a task's image is on the node and returns by what name.
func (i *images) provide(ctx context.Context, c *config, task driver.Task) (string, error) {
	name, moving, err := imageName(c.Image)
	if err != nil {
		return "", err
	}
	if c.Load != "" {
		if err := i.load(ctx, c, task); err != nil {
			return "", fmt.Errorf("load image %s: %w", c.Load, err)
		}
		here, err := i.isHere(ctx, name)
		if err == nil && !here {
			err = fmt.Errorf("there is no image %s in the archive %s", c.Image, c.Load)
		}
		return name, err
	}
	if !c.ForcePull && !moving || imageID.MatchString(name) {
		if here, err := i.isHere(ctx, name); err != nil || here {
			return name, err
		}
	}
	if err := i.pull(ctx, name, c); err != nil {
		return "", i.explain(fmt.Errorf("pull image %s: %w", c.Image, err))
	}
	return name, nil
}

// explain says whether to pull again may help: not if the registry said no.
func (i *images) explain(err error) error {
	for _, no := range []string{"manifest unknown", "access denied", "unauthorized", "not found", "denied:", "no basic auth"} {
		if strings.Contains(err.Error(), no) {
			return &failure{err, false}
		}
	}
	return again(err)
}

func (i *images) isHere(ctx context.Context, name string) (bool, error) {
	i.removing.RLock()
	defer i.removing.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	_, err := i.d.engine.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// load reads an image from an archive in the task's directory.
func (i *images) load(ctx context.Context, c *config, task driver.Task) error {
	dir, err := os.OpenRoot(task.Dir) // the task may have put links there
	if err != nil {
		return err
	}
	defer dir.Close()
	archive, err := dir.Open(c.Load)
	if errors.Is(err, os.ErrNotExist) {
		archive, err = dir.Open(filepath.Join(allocdir.LocalDir, c.Load))
	}
	if err != nil {
		return err
	}
	defer archive.Close()
	ctx, cancel := context.WithTimeout(ctx, c.PullTimeout)
	defer cancel()
	answer, err := i.d.engine.ImageLoad(ctx, archive)
	if err != nil {
		return err
	}
	defer answer.Close()
	return lastError(answer)
}

// lastError reads what the engine has to say to its end, and returns what went wrong.
func lastError(r io.Reader) error {
	for in := json.NewDecoder(r); ; {
		var message struct{ Error string }
		err := in.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if message.Error != "" {
			return errors.New(message.Error)
		}
	}
}

// pull is one that is underway. However many tasks wait for it, it is one; when none
// does any more it is given up.
type pull struct {
	done    chan struct{}
	err     error // when done
	waiters int
	cancel  context.CancelCauseFunc
}

func (i *images) pull(ctx context.Context, name string, c *config) error {
	i.mu.Lock()
	if i.pulls == nil {
		i.pulls = map[string]*pull{}
	}
	// Who brings a password must not get what another one's has opened, nor the reverse.
	key := name
	if c.Auth != nil {
		key += "\x00" + c.Auth.User + "\x00" + c.Auth.Password
	}
	p := i.pulls[key]
	if p == nil {
		own, cancel := context.WithCancelCause(i.d.own)
		p = &pull{done: make(chan struct{}), cancel: cancel}
		i.pulls[key] = p
		i.d.crew.Go(func() {
			p.err = i.fetch(own, name, c)
			cancel(nil)
			i.mu.Lock()
			if i.pulls[key] == p {
				delete(i.pulls, key)
			}
			i.mu.Unlock()
			close(p.done)
		})
	}
	p.waiters++
	i.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.waiters--; p.waiters == 0 {
		p.cancel(context.Cause(ctx))
		if i.pulls[key] == p {
			delete(i.pulls, key)
		}
	}
	return context.Cause(ctx)
}

// fetch pulls an image. Too long a silence ends it, and so does too long a pull.
func (i *images) fetch(ctx context.Context, name string, c *config) error {
	auth, err := i.d.o.authOf(ctx, name, c)
	if err != nil {
		return fmt.Errorf("password of the registry: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	whole := time.AfterFunc(c.PullTimeout, func() { cancel(fmt.Errorf("it took longer than image_pull_timeout, %s", c.PullTimeout)) })
	defer whole.Stop()
	limit := i.d.o.PullActivityTimeout
	silence := time.AfterFunc(limit, func() { cancel(fmt.Errorf("nothing was heard of it for %s", limit)) })
	defer silence.Stop()
	answer, err := i.d.engine.ImagePull(ctx, name, client.ImagePullOptions{RegistryAuth: auth})
	if err == nil {
		err = lastError(&heard{answer, func() { silence.Reset(limit) }})
		err = errors.Join(err, answer.Close())
	}
	if why := context.Cause(ctx); err != nil && why != nil {
		return why
	}
	return err
}

// heard tells of everything that is read.
type heard struct {
	io.Reader
	tell func()
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if n > 0 {
		h.tell()
	}
	return n, err
}

// use notes that a container is made of an image.
func (i *images) use(image, container string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.users == nil {
		i.users, i.leave = map[string]string{}, map[string]*time.Timer{}
	}
	i.users[container] = image
	if t := i.leave[image]; t != nil {
		t.Stop()
		delete(i.leave, image)
	}
}

// release notes that a container is gone. When it was the last of its image, the image
// is removed after a while.
func (i *images) release(container string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	image, known := i.users[container]
	delete(i.users, container)
	if !known || i.closed || !i.d.o.GC.Image || i.used(image) {
		return
	}
	i.leave[image] = time.AfterFunc(i.d.o.GC.ImageDelay, func() { i.remove(image) })
}

// used is called with mu held.
func (i *images) used(image string) bool {
	for _, other := range i.users {
		if other == image {
			return true
		}
	}
	return false
}

func (i *images) remove(image string) {
	i.removing.Lock()
	defer i.removing.Unlock()
	i.mu.Lock()
	delete(i.leave, image)
	skip := i.closed || i.used(image)
	i.mu.Unlock()
	if skip {
		return
	}
	ctx, cancel := context.WithTimeout(i.d.own, workLimit)
	defer cancel()
	// Not by force: the engine says whether anybody else has a use for it.
	_, err := i.d.engine.ImageRemove(ctx, image, client.ImageRemoveOptions{PruneChildren: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		i.d.o.Log.V(1).Info("image is kept", "image", image, "reason", err.Error())
		return
	}
	i.d.o.Log.V(1).Info("image removed, no task has used it for a while", "image", image, "delay", i.d.o.GC.ImageDelay.String())
}

// close leaves all images where they are.
func (i *images) close() {
	i.mu.Lock()
	i.closed = true
	for _, t := range i.leave {
		t.Stop()
	}
	i.mu.Unlock()
	i.removing.Lock() // waits for one that is underway
	defer i.removing.Unlock()
}
