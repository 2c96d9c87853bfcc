package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Make makes the network of an allocation, or finds that it is there and whole. When it
// fails nothing of it is left, or the error says what is.
func (m *Manager) Make(ctx context.Context, r Request) (Site, error) {
	f := m.folder(r.AllocID)
	lock, err := f.take(ctx)
	if err != nil {
		return Site{}, fmt.Errorf("lock the network of the allocation: %w", err)
	}
	defer lock.Close()
	before, err := f.read()
	if err != nil {
		return Site{}, err
	}
	if before != nil && before.whole() {
		return before.Site, nil
	}
	if before != nil {
		if err := m.undo(ctx, f, lock, before); err != nil {
			return Site{}, fmt.Errorf("remove what was left of the network: %w", err)
		}
		if err := f.clear(); err != nil {
			return Site{}, err
		}
	}
	rec, err := m.plan(r)
	if err != nil {
		return Site{}, errors.Join(err, f.forget())
	}
	if err = m.build(ctx, f, lock, rec); err == nil {
		return rec.Site, nil
	}
	// Whoever wanted it may not any more; what was begun is to be undone all the same.
	if left := m.undo(context.WithoutCancel(ctx), f, lock, rec); left != nil {
		return Site{}, errors.Join(err, left)
	}
	return Site{}, errors.Join(err, f.forget())
}

// whole reports whether everything that the record is of is there.
func (r *record) whole() bool {
	path := r.Site.Network.Namespace
	return r.Made && (path == "" || isNamespace(path))
}

// plan says what is to be made.
func (m *Manager) plan(r Request) (*record, error) {
	rec := &record{
		Version: recordVersion, AllocID: r.AllocID, Request: r,
		Site: Site{Network: driver.Network{Hostname: r.Hostname, DNS: r.DNS}},
	}
	if !IsOwn(r.Mode) {
		return rec, nil
	}
	rec.Owner = r.Owner
	if r.Owner == "" {
		rec.Site.Network.Namespace = namespacePath(r.AllocID)
	} else if m.opts.Owners[r.Owner] == nil {
		return nil, fmt.Errorf("%w: driver %q makes no network namespaces", api.ErrNotSupported, r.Owner)
	}
	list, err := m.config(r.Mode)
	if err != nil || list == nil {
		return rec, err
	}
	rec.Config = json.RawMessage(list.Bytes)
	rec.Ports = mappings(r.Ports, m.opts.Wildcard)
	rec.Args = arguments(r.Args)
	return rec, nil
}

// config returns the configuration of networks of a mode; nil: they have none.
func (m *Manager) config(mode string) (*libcni.NetworkConfigList, error) {
	switch name, isCNI := cniName(mode); {
	case mode == ModeBridge:
		return m.opts.Bridge.confList()
	case isCNI:
		return findConfig(m.opts.ConfigDir, name)
	case mode == ModeNone:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: network mode %q", api.ErrNotSupported, mode)
}

// arguments returns arguments in the form of CNI, whose lists have no place for a
// semicolon in a value.
func arguments(args map[string]string) [][2]string {
	out := [][2]string{{"IgnoreUnknown", "true"}}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if !strings.Contains(args[name], ";") {
			out = append(out, [2]string{name, args[name]})
		}
	}
	return out
}

// build makes what the record says, and completes it.
func (m *Manager) build(ctx context.Context, f folder, lock *os.File, rec *record) error {
	if err := f.write(rec); err != nil {
		return fmt.Errorf("write down the network: %w", err)
	}
	n := &rec.Site.Network
	switch {
	case rec.Owner != "":
		made, err := m.opts.Owners[rec.Owner].MakeNetwork(ctx, rec.AllocID, n.Hostname)
		if err != nil {
			return fmt.Errorf("have driver %s make a network namespace: %w", rec.Owner, err)
		}
		n.Namespace, n.Owner = made.Namespace, made.Owner
		if err := f.write(rec); err != nil {
			return fmt.Errorf("write down the network: %w", err)
		}
	case n.Namespace != "":
		if err := makeNamespace(n.Namespace); err != nil {
			return err
		}
	}
	if err := m.attach(ctx, f, lock, rec); err != nil {
		return err
	}
	if err := m.putNames(f, rec); err != nil {
		return fmt.Errorf("write hosts and resolv.conf: %w", err)
	}
	rec.Made = true
	return f.write(rec)
}

// attach has plugins give the namespace its interface, and completes the site's status.
func (m *Manager) attach(ctx context.Context, f folder, lock *os.File, rec *record) error {
	list, err := rec.list()
	if err != nil {
		return err
	}
	if list == nil {
		if rec.Site.Network.Namespace != "" {
			rec.Site.Status = &api.AllocNetworkStatus{InterfaceName: "lo", DNS: rec.Request.DNS}
		}
		return nil
	}
	done, err := m.turn(ctx, rec.Request.Mode)
	if err != nil {
		return err
	}
	result, err := m.plugins(f, lock).AddNetworkList(ctx, list, rec.runtime())
	done(err)
	if err != nil {
		return err
	}
	known, err := current.NewResultFromResult(result)
	if err != nil {
		return fmt.Errorf("result of the CNI plugins: %w", err)
	}
	rec.Site.Status = statusOf(known, ifName, rec.Request.DNS)
	return nil
}

// turn waits for a turn to run plugins, to be given back with how that went. What the
// bridge's allocations share is made by the first of them while the others wait: two at a
// time would make some of it twice.
func (m *Manager) turn(ctx context.Context, mode string) (done func(error), err error) {
	select {
	case m.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	back := func() { <-m.turns }
	if mode != ModeBridge {
		return func(error) { back() }, nil
	}
	m.primed.Lock()
	if m.ready {
		m.primed.Unlock()
		return func(error) { back() }, nil
	}
	if err := m.opts.Bridge.letIn(ctx); err != nil {
		m.primed.Unlock()
		back()
		return nil, fmt.Errorf("let packets for the bridge in: %w", err)
	}
	return func(err error) {
		m.ready = err == nil
		m.primed.Unlock()
		back()
	}, nil
}

// putNames writes the files by which tasks find names.
func (m *Manager) putNames(f folder, rec *record) error {
	n := &rec.Site.Network
	if dns := rec.Request.DNS; dns != nil {
		n.DNS = dns
	} else if rec.Site.Status != nil {
		n.DNS = rec.Site.Status.DNS
	}
	switch {
	case n.DNS != nil:
		n.Resolv = f.path(resolvFile)
		if err := f.put(resolvFile, []byte(resolvText(n.DNS)), 0o644); err != nil {
			return err
		}
	case n.Namespace != "":
		text, err := nodeResolv(m.opts.System)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		n.Resolv = f.path(resolvFile)
		if err := f.put(resolvFile, text, 0o644); err != nil {
			return err
		}
	}
	if n.Namespace == "" {
		return nil
	}
	hostname := n.Hostname
	if hostname == "" {
		var err error
		if hostname, err = os.Hostname(); err != nil {
			return err
		}
	}
	n.Hosts = f.path(hostsFile)
	return f.put(hostsFile, []byte(hostsText(rec.Site.Status, hostname)), 0o644)
}
