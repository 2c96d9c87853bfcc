package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// Drivers that can do what not all can: which of them a program's is, it says.
type (
	mounting           struct{ *Driver }
	networking         struct{ *Driver }
	mountingNetworking struct{ *Driver }
	owning             struct{ owner }
	mountingOwning     struct{ owner }
)

func (mounting) Mounts()             {}
func (networking) Networks()         {}
func (mountingNetworking) Mounts()   {}
func (mountingNetworking) Networks() {}
func (mountingOwning) Mounts()       {}

var (
	_ driver.Mounter      = mounting{}
	_ driver.Networker    = networking{}
	_ driver.NetworkOwner = owning{}
	_ driver.NetworkOwner = mountingOwning{}
	_ driver.Mounter      = mountingOwning{}
)

// able returns the driver with what it can do.
func (d *Driver) able() driver.Driver {
	mounts := d.abilities.GetMountConfigs() != wire.DriverCapabilities_NO_MOUNTS
	networks := slices.Contains(d.abilities.GetNetworkIsolationModes(), wire.NetworkIsolationSpec_GROUP)
	switch owns := d.abilities.GetMustCreateNetwork(); {
	case owns && mounts:
		return mountingOwning{owner{d}}
	case owns:
		return owning{owner{d}}
	case networks && mounts:
		return mountingNetworking{d}
	case networks:
		return networking{d}
	case mounts:
		return mounting{d}
	}
	return d
}

// Rooted reports whether the driver's tasks have a root of their own.
func (d *Driver) Rooted(map[string]any) bool {
	return d.abilities.GetFsIsolation() != wire.DriverCapabilities_NONE
}

// owner is a driver that makes networks.
type owner struct{ *Driver }

// Networks makes owner a driver.Networker.
func (owner) Networks() {}

// MakeNetwork has the program make a network namespace for an allocation.
func (o owner) MakeNetwork(ctx context.Context, allocID, hostname string) (driver.Network, error) {
	r, err := o.plugin.get(ctx)
	if err != nil {
		return driver.Network{}, err
	}
	answer, err := r.driver.CreateNetwork(ctx, &wire.CreateNetworkRequest{AllocId: allocID, Hostname: hostname})
	if err != nil {
		return driver.Network{}, fmt.Errorf("make the network of allocation %s: %w", allocID, plain(err))
	}
	spec := answer.GetIsolationSpec()
	if spec.GetPath() == "" {
		return driver.Network{}, fmt.Errorf("make the network of allocation %s: the driver's program has made none", allocID)
	}
	labels, err := json.Marshal(spec.GetLabels())
	return driver.Network{Namespace: spec.GetPath(), Owner: string(labels), Hostname: hostname}, err
}

// RemoveNetwork has the program remove it. What it is known by is asked for first: to
// make it again changes nothing.
func (o owner) RemoveNetwork(ctx context.Context, allocID string) error {
	r, err := o.plugin.get(ctx)
	if err != nil {
		return err
	}
	made, err := r.driver.CreateNetwork(ctx, &wire.CreateNetworkRequest{AllocId: allocID})
	if err == nil {
		_, err = r.driver.DestroyNetwork(ctx, &wire.DestroyNetworkRequest{AllocId: allocID, IsolationSpec: made.GetIsolationSpec()})
	}
	if err != nil && !missing(err) {
		return fmt.Errorf("remove the network of allocation %s: %w", allocID, plain(err))
	}
	return nil
}

func isolationSpec(n driver.Network) *wire.NetworkIsolationSpec {
	spec := &wire.NetworkIsolationSpec{Mode: wire.NetworkIsolationSpec_GROUP, Path: n.Namespace, Labels: map[string]string{}}
	// What is no list of labels was made by another driver, and means nothing here.
	_ = json.Unmarshal([]byte(n.Owner), &spec.Labels)
	if n.Hostname != "" {
		spec.HostsConfig = &wire.HostsConfig{Hostname: n.Hostname}
	}
	return spec
}

var errNoSignals = fmt.Errorf("%w: signals, by this driver", api.ErrNotSupported)

// Signal has the program send a signal to the task.
func (d *Driver) Signal(ctx context.Context, h driver.Handle, signal string) error {
	err := checkSignal(signal)
	switch _, exit := loadExit(h.StateDir); {
	case err != nil:
	case !d.abilities.GetSendSignals():
		err = errNoSignals
	case exit == nil:
		err = errors.New("it has ended")
	default:
		err = d.with(ctx, h, func(ctx context.Context, r *running) error {
			_, err := r.driver.SignalTask(ctx, &wire.SignalTaskRequest{TaskId: h.TaskID, Signal: signal})
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("signal task %s: %w", h.TaskID, err)
	}
	return nil
}
