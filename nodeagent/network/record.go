package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

// record is what is written down of an allocation's network before any of it is made.
type record struct {
	Version int
	AllocID string
	Owner   string `json:",omitempty"` // the driver whose namespace it is
	// Config is the CNI configuration that it is made, and removed, by. Empty: it has only
	// loopback, or is that of the node.
	Config  json.RawMessage `json:",omitempty"`
	Ports   []portMapping   `json:",omitempty"`
	Args    [][2]string     `json:",omitempty"`
	Made    bool            // wholly
	Site    Site            // Site.Network.Namespace is known before it is there
	Request Request         // what was asked for
}

const recordVersion = 1

// Names of what is in the folder of a record. The folder has also CNI's own memory of
// results, and the files that tasks see.
const (
	recordFile = "record"
	lockFile   = "lock"
	resultFile = "result" // of the last plugin
	hostsFile  = "hosts"
	resolvFile = "resolv.conf"
)

// folder is where everything about one allocation's network is kept.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// read returns the record; nil if there is none.
func (f folder) read() (*record, error) {
	raw, err := os.ReadFile(f.path(recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(recordFile), err)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("%s has version %d, this agent reads %d", f.path(recordFile), r.Version, recordVersion)
	}
	return &r, nil
}

// write replaces the record, so that it is there whole or not at all.
func (f folder) write(r *record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return f.put(recordFile, raw, 0o600)
}

func (f folder) put(name string, content []byte, mode os.FileMode) error {
	fresh := f.path(name + ".new")
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, f.path(name))
}

// clear removes everything but the lock.
func (f folder) clear() error {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(f.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// forget removes everything.
func (f folder) forget() error { return os.RemoveAll(string(f)) }

// list returns the plugins that the network is made by; nil if there are none.
func (r *record) list() (*libcni.NetworkConfigList, error) {
	if len(r.Config) == 0 {
		return nil, nil
	}
	return libcni.NetworkConfFromBytes(r.Config)
}

// ifName is the allocation's interface in its namespace.
const ifName = "eth0"

// runtime is what plugins are told of the allocation.
func (r *record) runtime() *libcni.RuntimeConf {
	return &libcni.RuntimeConf{
		ContainerID: r.AllocID, NetNS: r.Site.Network.Namespace, IfName: ifName, Args: r.Args,
		CapabilityArgs: map[string]any{"portMappings": r.Ports},
	}
}
