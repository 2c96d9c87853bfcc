package template

import (
	"fmt"
	"text/template"

	"github.com/droverhq/drover/api"
)

// defaultDenied are the functions that run programs and write files.
var defaultDenied = []string{"plugin", "writeToFile"}

// elsewhere are functions that read from what drover does not talk to.
var elsewhere = map[string][]string{
	"Consul": {
		"datacenters", "exportedServices", "key", "keyExists", "keyOrDefault", "ls", "safeLs", "node", "nodes", "partitions",
		"peerings", "service", "connect", "services", "tree", "safeTree", "caRoots", "caLeaf",
	},
	"Vault": {"secret", "secrets", "pkiCert"},
}

// functions are those that are not, or not quite, as the library has them.
func (o *Options) functions() template.FuncMap {
	env := func(name string) (string, bool) {
		value, there := o.Env[name]
		return value, there
	}
	funcs := template.FuncMap{
		"file": o.file,
		"env": func(name string) string {
			value, _ := env(name)
			return value
		},
		"mustEnv": func(name string) (string, error) {
			if value, there := env(name); there {
				return value, nil
			}
			return "", fmt.Errorf("the task has no variable %s", name)
		},
		"envOrDefault": func(name, other string) string {
			if value, _ := env(name); value != "" {
				return value
			}
			return other
		},
	}
	for system, names := range elsewhere {
		for _, name := range names {
			funcs[name] = func(...any) (string, error) {
				return "", fmt.Errorf("%w: %s reads from %s, with which drover does not talk", api.ErrNotSupported, name, system)
			}
		}
	}
	return funcs
}

// file is the content of a file of the task, which is looked at again from time to time.
func (o *Options) file(path string) (string, error) {
	text, err := o.read(path)
	if err == nil && o.seen != nil {
		o.seen(path, text)
	}
	return text, err
}
