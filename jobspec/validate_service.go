package jobspec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// minCheckTime is the shortest interval and timeout of a check.
const minCheckTime = time.Second

// serviceNamePattern is what a name in DNS may be.
var serviceNamePattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// serviceWarning is said once of a job that has services.
const serviceWarning = "services are not registered yet and their checks are not run: health is judged by the state of the tasks"

func (v *validator) serviceWarnings(p place, group *api.TaskGroup) {
	if len(group.Services) > 0 && api.Deref(group.ShutdownDelay) == 0 &&
		!slices.ContainsFunc(group.Tasks, func(t *api.Task) bool { return t.ShutdownDelay != 0 }) {
		v.warnings = append(v.warnings, p.path+" defines services, but neither the group nor any of its tasks have shutdown_delay set")
	}
	if (hasService(group, providerNomad) || hasService(group, providerConsul)) && !slices.Contains(v.warnings, serviceWarning) {
		v.warnings = append(v.warnings, serviceWarning)
	}
}

func (v *validator) service(p place, group *api.TaskGroup, service *api.Service) {
	p.oneOf("provider", service.Provider, providerNomad, providerConsul)
	if !strings.Contains(service.Name, "${") && !serviceNamePattern.MatchString(service.Name) {
		p.addf("a service's name stands in DNS: letters, digits and dashes, 63 at most")
	}
	p.oneOf("address_mode", service.AddressMode, "auto", "host", "alloc", "driver")
	p.oneOf("on_update", service.OnUpdate, "require_healthy", "ignore_warnings", "ignore")
	checkPortReference(p, group, service.PortLabel)
	if service.Connect != nil {
		p.in("connect").unsupported("the service mesh")
	}
	if service.Identity != nil {
		p.in("identity").unsupported("identities of services")
	}
	if service.Kind != "" {
		p.in("kind").unsupported("services of a kind")
	}
	for _, check := range service.Checks {
		v.check(p.in("check %q", check.Name), group, service, check)
	}
}

func (v *validator) check(p place, group *api.TaskGroup, service *api.Service, check *api.ServiceCheck) {
	known := []string{"http", "tcp"}
	if service.Provider == providerConsul {
		known = append(known, "grpc", "script")
	}
	p.oneOf("type", check.Type, known...)
	if check.Interval < minCheckTime || check.Timeout < minCheckTime {
		p.addf("interval and timeout are required, %s each at least", minCheckTime)
	}
	if check.Type == "http" && check.Path == "" {
		p.addf("a check over HTTP needs a path")
	}
	if check.Type == "script" && check.Command == "" {
		p.addf("a check by script needs a command")
	}
	if check.CheckRestart != nil {
		p.in("check_restart").notNegative("limit", int64(check.CheckRestart.Limit))
	}
	checkPortReference(p, group, check.PortLabel)
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
