package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// A network that tasks of the engine can join is that of a container. So an allocation
// with a network of its own has one container that does nothing but hold it.

// pauseName is the name of the container that holds an allocation's network.
func pauseName(allocID string) string { return "drover_net_" + safeName(allocID) }

// networkMark is a file that is there as long as the network is wanted.
func (d *Driver) networkMark(allocID string) string {
	return filepath.Join(d.o.Dir, "networks", safeName(allocID))
}

// MakeNetwork starts the container that holds an allocation's network, or finds it.
func (d *Driver) MakeNetwork(ctx context.Context, allocID, hostname string) (driver.Network, error) {
	none := driver.Network{}
	if err := d.usable(); err != nil {
		return none, err
	}
	name := pauseName(allocID)
	defer d.starts.lock(name)()
	mark := d.networkMark(allocID)
	if err := errors.Join(os.MkdirAll(filepath.Dir(mark), 0o700), os.WriteFile(mark, nil, 0o600)); err != nil {
		return none, err
	}
	box, err := d.inspect(ctx, name)
	if err == nil && !box.State.Running && !neverStarted(box) { // the machine, or the engine, was restarted
		err = d.remove(ctx, box.ID)
		if err == nil {
			err = driver.ErrTaskGone
		}
	}
	if errors.Is(err, driver.ErrTaskGone) {
		err = d.makePause(ctx, name, allocID, hostname)
	}
	if err != nil {
		return none, d.explain(err)
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), workLimit)
	defer cancel()
	if _, err := d.engine.ContainerStart(work, name, client.ContainerStartOptions{}); err != nil {
		return none, d.explain(fmt.Errorf("start container %s: %w", name, err))
	}
	if box, err = d.inspect(work, name); err != nil {
		return none, d.explain(err)
	}
	if box.NetworkSettings == nil || box.NetworkSettings.SandboxKey == "" {
		return none, fmt.Errorf("container %s has no network namespace", name)
	}
	return driver.Network{Namespace: box.NetworkSettings.SandboxKey, Owner: box.ID, Hostname: hostname}, nil
}

func (d *Driver) makePause(ctx context.Context, name, allocID, hostname string) error {
	image, err := d.pauseImage(ctx)
	if err != nil {
		return fmt.Errorf("image of the container that holds a network: %w", err)
	}
	if hostname == "" { // the engine would make one up
		if hostname, err = os.Hostname(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workLimit)
	defer cancel()
	_, err = d.engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{Image: image, Hostname: hostname, Labels: map[string]string{
			labelAgent: d.o.Dir, labelAlloc: allocID, labelWhile: d.networkMark(allocID), labelPrefix + "alloc_id": allocID,
		}},
		HostConfig: &container.HostConfig{
			NetworkMode: "none", IpcMode: container.IPCModeShareable, ReadonlyRootfs: true,
			CapDrop: []string{"ALL"}, LogConfig: container.LogConfig{Type: "none"}, SecurityOpt: []string{"no-new-privileges"},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		},
	})
	if cerrdefs.IsConflict(err) { // an agent that was killed had asked for it
		return d.awaitMade(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("make container %s: %w", name, err)
	}
	return nil
}

// RemoveNetwork removes the container that holds an allocation's network.
func (d *Driver) RemoveNetwork(ctx context.Context, allocID string) error {
	if err := d.usable(); err != nil {
		return err
	}
	name := pauseName(allocID)
	defer d.starts.lock(name)()
	if err := os.Remove(d.networkMark(allocID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return d.remove(ctx, name)
}

// pauseImage returns the name of the image for such containers. Unless the operator has
// named one it is made here, since no registry can be counted on: of drover-shim alone.
func (d *Driver) pauseImage(ctx context.Context) (string, error) {
	if name := d.o.InfraImage; name != "" {
		c := &config{Image: name, PullTimeout: d.o.InfraPullTimeout}
		return d.images.provide(ctx, c, driver.Task{})
	}
	defer d.starts.lock("pause image")()
	program, err := shim.Program(d.o.ShimPath)
	if err != nil {
		return "", err
	}
	f, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", err
	}
	name := "drover/pause:" + hex.EncodeToString(sum.Sum(nil))[:16]
	if here, err := d.images.isHere(ctx, name); here || err != nil {
		return name, err
	}
	return name, d.importPause(ctx, name, f, size)
}

func (d *Driver) importPause(ctx context.Context, name string, program io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workLimit)
	defer cancel()
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := packProgram(w, program, size)
		packed <- err
		_ = w.CloseWithError(err) // never fails
	}()
	answer, err := d.engine.ImageImport(ctx, client.ImageImportSource{Source: r, SourceName: "-"}, name, client.ImageImportOptions{
		Changes: []string{`ENTRYPOINT ["/` + shim.Name + `",` + strconv.Quote(shim.PauseArg) + `]`},
	})
	_ = r.Close() // the packing must not wait for who reads no more; never fails
	packErr := <-packed
	if err != nil {
		return err
	}
	err = errors.Join(lastError(answer), answer.Close())
	if err == nil {
		err = packErr
	}
	return err
}

// packProgram writes an archive of a root with one program.
func packProgram(w io.Writer, program io.Reader, size int64) error {
	archive := tar.NewWriter(w)
	if err := archive.WriteHeader(&tar.Header{Name: shim.Name, Mode: 0o755, Size: size, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, program, size); err != nil {
		return err
	}
	return archive.Close()
}
