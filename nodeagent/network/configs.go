package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/containernetworking/cni/libcni"
)

// Configured lists the names of the CNI networks that a folder has configurations of.
// Those that can't be read are left out, and named by the error.
func Configured(dir string) ([]string, error) {
	var names []string
	err := eachConfig(dir, func(list *libcni.NetworkConfigList) bool {
		names = append(names, list.Name)
		return true
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// findConfig returns the configuration of a network.
func findConfig(dir, name string) (*libcni.NetworkConfigList, error) {
	var found *libcni.NetworkConfigList
	err := eachConfig(dir, func(list *libcni.NetworkConfigList) bool {
		if list.Name == name {
			found = list
		}
		return found == nil
	})
	switch {
	case found != nil:
		return found, nil
	case err != nil:
		return nil, fmt.Errorf("no usable configuration of CNI network %q in %s: %w", name, dir, err)
	}
	return nil, fmt.Errorf("no configuration of CNI network %q in %s", name, dir)
}

// eachConfig reads the configurations of a folder in the order of the files' names,
// until visit returns false.
func eachConfig(dir string, visit func(*libcni.NetworkConfigList) bool) error {
	files, err := libcni.ConfFiles(dir, []string{".conflist", ".conf", ".json"})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	slices.Sort(files)
	var unread []error
	for _, file := range files {
		list, err := readConfig(file)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		if !visit(list) {
			return nil
		}
	}
	return errors.Join(unread...)
}

// readConfig reads a list of plugins, or the older form of a file: a single plugin.
func readConfig(file string) (*libcni.NetworkConfigList, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list, err := listOf(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

// listOf reads either form.
func listOf(raw []byte) (*libcni.NetworkConfigList, error) {
	var one struct {
		CNIVersion string `json:"cniVersion"`
		Name       string `json:"name"`
		Type       string `json:"type"`
	}
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, err
	}
	if one.Type != "" {
		var err error
		raw, err = json.Marshal(confList{CNIVersion: one.CNIVersion, Name: one.Name, Plugins: []any{json.RawMessage(raw)}})
		if err != nil {
			return nil, err
		}
	}
	list, err := libcni.NetworkConfFromBytes(raw)
	if err == nil && len(list.Plugins) == 0 {
		err = errors.New("it names no plugins")
	}
	return list, err
}
