package jobspec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// serviceNamePattern is what a name in DNS may be.
var serviceNamePattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// consulWarning is said once of a job that has services for Consul to register.
const consulWarning = `services whose provider is "consul" (the default) are not registered and their checks are not run: ` +
	`write provider = "nomad" to have the cluster do both`

// services checks what the services of a group and its tasks have in common.
func (v *validator) services(p place, group *api.TaskGroup) {
	if len(group.Services) > 0 && api.Deref(group.ShutdownDelay) == 0 &&
		!slices.ContainsFunc(group.Tasks, func(t *api.Task) bool { return t.ShutdownDelay != 0 }) {
		v.warnings = append(v.warnings, p.path+" defines services, but neither the group nor any of its tasks have shutdown_delay set")
	}
	if hasService(group, providerConsul) && !slices.Contains(v.warnings, consulWarning) {
		v.warnings = append(v.warnings, consulWarning)
	}
	if hasService(group, providerConsul) && hasService(group, providerNomad) {
		p.addf("its services have different providers; one provider registers all services of a group")
	}
	v.differentServices(p, group.Services)
	for _, task := range group.Tasks {
		v.differentServices(p.in("task %q", task.Name), task.Services)
	}
}

// differentServices checks that services can be told apart.
func (v *validator) differentServices(p place, services []*api.Service) {
	for i, s := range services {
		same := func(other *api.Service) bool { return other.Name == s.Name && other.PortLabel == s.PortLabel }
		if slices.ContainsFunc(services[:i], same) {
			p.in("service %q", s.Name).addf("another service has the same name and port")
		}
	}
}

// service checks a service of a task, or of the group if there is none.
func (v *validator) service(p place, group *api.TaskGroup, task *api.Task, service *api.Service) {
	p.oneOf("provider", service.Provider, providerNomad, providerConsul)
	if !strings.Contains(service.Name, "${") && !serviceNamePattern.MatchString(service.Name) {
		p.addf("a service's name stands in DNS: letters, digits and dashes, 63 at most")
	}
	p.oneOf("address_mode", service.AddressMode, "auto", "host", "alloc", "alloc_ipv6", "driver")
	p.oneOf("on_update", service.OnUpdate, api.OnUpdateRequireHealthy, "ignore_warnings", api.OnUpdateIgnore)
	checkPortReference(p, group, service.PortLabel)
	if service.Address != "" && service.AddressMode != "auto" {
		p.addf(`with an address of its own a service has address_mode = "auto"`)
	}
	if service.Connect != nil {
		p.in("connect").unsupported("the service mesh")
	}
	if service.Identity != nil {
		p.in("identity").unsupported("identities of services; there are no keys yet to sign their tokens with")
	}
	if service.Kind != "" {
		p.in("kind").unsupported("services of a kind")
	}
	if service.TaskName != "" {
		v.taskOfService(p, group, task, service.TaskName)
	}
	if service.Provider == providerNomad {
		nativeService(p, group, service)
	}
	var names []string
	for _, check := range service.Checks {
		at := p.in("check %q", check.Name)
		v.check(at, group, task, service, check)
		if service.Provider == providerNomad && slices.Contains(names, check.Name) {
			at.addf("another check of the service has the same name; give each a name")
		}
		names = append(names, check.Name)
	}
}

// nativeService checks a service that the cluster itself registers.
func nativeService(p place, group *api.TaskGroup, service *api.Service) {
	addressMode(p, group, service.AddressMode)
	if service.OnUpdate == "ignore_warnings" {
		p.addf(`on_update = "ignore_warnings" is for checks of Consul, which know warnings`)
	}
	for _, field := range []struct {
		there bool
		name  string
	}{
		{service.EnableTagOverride, "enable_tag_override"},
		{len(service.TaggedAddresses) > 0, "tagged_addresses"},
		{service.Weights != nil, "weights"},
	} {
		if field.there {
			p.in("%s", field.name).warnf("has an effect in Consul only")
		}
	}
}

// addressMode refuses addresses in a network of the allocation's own where the group has
// none.
func addressMode(p place, group *api.TaskGroup, mode string) {
	if mode != "alloc" && mode != "alloc_ipv6" && mode != "driver" {
		return
	}
	reached := func(n *api.NetworkResource) bool { return ownNetwork(n) && n.Mode != networkNone }
	if !slices.ContainsFunc(group.Networks, reached) {
		p.in("address_mode").addf(`an address of mode %s is one in the group's own network: it needs network { mode = "bridge" }, or cni/NAME`, mode)
	}
}

// taskOfService checks the task that a service or check of a group, or of a task, says
// it is about.
func (v *validator) taskOfService(p place, group *api.TaskGroup, task *api.Task, name string) {
	switch {
	case task != nil && task.Name != name:
		p.in("task").addf("it belongs to task %q already", task.Name)
	case group.Task(name) == nil:
		var names []string
		for _, t := range group.Tasks {
			names = append(names, t.Name)
		}
		p.in("task").addf("the group has no task %q.%s", name, suggest(name, names))
	}
}

// checkPortReference checks that a port is one of the group's, or a number.
func checkPortReference(p place, group *api.TaskGroup, label string) {
	if label == "" || strings.Contains(label, "${") {
		return
	}
	if number, err := strconv.Atoi(label); err == nil {
		if number < 1 || number > maxPort {
			p.in("port").addf("a port is a number from 1 to %d", maxPort)
		}
		return
	}
	var labels []string
	for _, network := range group.Networks {
		for _, port := range slices.Concat(network.ReservedPorts, network.DynamicPorts) {
			labels = append(labels, port.Label)
		}
	}
	if !slices.Contains(labels, label) {
		p.in("port").addf("the group has no port labelled %q.%s", label, suggest(label, labels))
	}
}
