package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsimple"

	"github.com/droverhq/drover/api"
)

// namespaceFile is a namespace as it is written in HCL.
type namespaceFile struct {
	Name         string            `hcl:"name"`
	Description  string            `hcl:"description,optional"`
	Quota        string            `hcl:"quota,optional"`
	Meta         map[string]string `hcl:"meta,optional"`
	Capabilities *struct {
		EnabledTaskDrivers   []string `hcl:"enabled_task_drivers,optional"`
		DisabledTaskDrivers  []string `hcl:"disabled_task_drivers,optional"`
		EnabledNetworkModes  []string `hcl:"enabled_network_modes,optional"`
		DisabledNetworkModes []string `hcl:"disabled_network_modes,optional"`
	} `hcl:"capabilities,block"`
	NodePools *struct {
		Default string   `hcl:"default,optional"`
		Allowed []string `hcl:"allowed,optional"`
		Denied  []string `hcl:"denied,optional"`
	} `hcl:"node_pool_config,block"`
}

// readNamespace reads a namespace from a file in HCL, or in the JSON of the API.
func (c *cli) readNamespace(path string, asJSON bool) (*api.Namespace, error) {
	var f namespaceFile
	var n api.Namespace
	if done, err := c.readFile(path, asJSON, &f, &n); done || err != nil {
		return &n, err
	}
	n = api.Namespace{Name: f.Name, Description: f.Description, Quota: f.Quota, Meta: f.Meta}
	if f.Capabilities != nil {
		n.Capabilities = (*api.NamespaceCapabilities)(f.Capabilities)
	}
	if f.NodePools != nil {
		n.NodePoolConfiguration = (*api.NamespaceNodePoolConfiguration)(f.NodePools)
	}
	return &n, nil
}

// poolFile is a node pool as it is written in HCL.
type poolFile struct {
	Name        string            `hcl:"name,label"`
	Description string            `hcl:"description,optional"`
	Meta        map[string]string `hcl:"meta,optional"`
	Scheduler   *struct {
		Algorithm              string `hcl:"scheduler_algorithm,optional"`
		MemoryOversubscription *bool  `hcl:"memory_oversubscription_enabled,optional"`
	} `hcl:"scheduler_config,block"`
}

// readPool reads a node pool from a file in HCL, or in the JSON of the API.
func (c *cli) readPool(path string, asJSON bool) (*api.NodePool, error) {
	var file struct {
		Pool poolFile `hcl:"node_pool,block"`
	}
	var p api.NodePool
	if done, err := c.readFile(path, asJSON, &file, &p); done || err != nil {
		return &p, err
	}
	f := file.Pool
	p = api.NodePool{Name: f.Name, Description: f.Description, Meta: f.Meta}
	if f.Scheduler != nil {
		p.SchedulerConfiguration = &api.NodePoolSchedulerConfiguration{
			SchedulerAlgorithm: f.Scheduler.Algorithm, MemoryOversubscriptionEnabled: f.Scheduler.MemoryOversubscription,
		}
	}
	return &p, nil
}

// readFile reads a file, or standard input (-), as HCL into hcl or as JSON into wire,
// and reports whether it was JSON.
func (c *cli) readFile(path string, asJSON bool, hcl, wire any) (wasJSON bool, err error) {
	src, err := readAll(c.In, path)
	if err != nil {
		return false, fmt.Errorf("Error reading file: %w", err)
	}
	if asJSON || filepath.Ext(path) == ".json" {
		if err := json.Unmarshal(src, wire); err != nil {
			return true, fmt.Errorf("Error reading %s as JSON: %w", path, err)
		}
		return true, nil
	}
	name := path
	if !strings.HasSuffix(name, ".hcl") {
		name += ".hcl" // the name says how it is read
	}
	if err := hclsimple.Decode(name, src, nil, hcl); err != nil {
		return false, fmt.Errorf("Error reading %s: %w", path, err)
	}
	return false, nil
}
