package env

import (
	"slices"
	"strings"
)

// DefaultDenied are the variables of the agent's own environment that tasks do not
// see: credentials that are meant for the agent.
var DefaultDenied = []string{
	"CONSUL_TOKEN", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE",
	"NOMAD_TOKEN", "NOMAD_LICENSE", "DROVER_TOKEN",
	"VAULT_TOKEN",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"GOOGLE_APPLICATION_CREDENTIALS",
}

// Without returns an environment (NAME=value) without the variables of these names.
func Without(environ, names []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
}
