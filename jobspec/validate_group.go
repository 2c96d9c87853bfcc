package jobspec

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// minDiskMB is the smallest shared directory: logs take that much.
const minDiskMB = 10

func (v *validator) group(p place, job *api.Job, group *api.TaskGroup) {
	p.notNegative("count", int64(api.Deref(group.Count)))
	if job.IsSystem() && api.Deref(group.Count) > 1 {
		p.in("count").addf("a system job runs one instance on each node; the count is 1")
	}
	if group.EphemeralDisk != nil && api.Deref(group.EphemeralDisk.SizeMB) < minDiskMB {
		p.in("ephemeral_disk").addf("the size is %d MB at least", minDiskMB)
	}
	p.notNegative("shutdown_delay", int64(api.Deref(group.ShutdownDelay)))
	v.maxRun(p.in("max_run_duration"), job, group.MaxRunDuration)
	v.unsupportedInGroup(p, group)
	v.indexed(p, job, group)
	v.gang(p, job, group)
	v.rules(p, job, group.Constraints, group.Affinities, group.Spreads)
	v.restart(p.in("restart"), group.RestartPolicy)
	v.reschedule(p.in("reschedule"), job, group.ReschedulePolicy)
	v.disconnect(p.in("disconnect"), job, group.Disconnect)
	v.update(p.in("update"), job, group.Update)
	v.migrate(p.in("migrate"), job, group.Migrate)
	v.scaling(p.in("scaling"), job, group)
	v.networks(p.in("network"), group.Networks)
	v.volumes(p, job, group)
	v.tasks(p, job, group)
	for _, service := range group.Services {
		v.service(p.in("service %q", service.Name), group, nil, service)
	}
	v.services(p, group)
}

// unsupportedInGroup refuses what node agents and controllers don't do yet.
func (v *validator) unsupportedInGroup(p place, group *api.TaskGroup) {
	if group.Consul != nil {
		p.in("consul").unsupported("Consul")
	}
}

// minInterval keeps an interval from being a loop.
const minInterval = time.Second

func (v *validator) restart(p place, policy *api.RestartPolicy) {
	if policy == nil {
		return
	}
	attempts, interval, delay := api.Deref(policy.Attempts), api.Deref(policy.Interval), api.Deref(policy.Delay)
	p.oneOf("mode", api.Deref(policy.Mode), api.RestartModeFail, api.RestartModeDelay)
	p.notNegative("attempts", int64(attempts))
	p.notNegative("delay", int64(delay))
	if attempts > 0 && interval < minInterval {
		p.addf("the interval is %s at least", minInterval)
	}
	if delay > 0 && int64(attempts) > int64(interval/delay) {
		p.addf("%d restarts with a delay of %s don't fit into an interval of %s", attempts, delay, interval)
	}
}

func (v *validator) reschedule(p place, job *api.Job, policy *api.ReschedulePolicy) {
	if policy == nil {
		return
	}
	if job.IsSystem() {
		p.addf("instances of a %s job belong to their nodes and are not rescheduled; remove the block", api.Deref(job.Type))
		return
	}
	attempts, interval, delay := api.Deref(policy.Attempts), api.Deref(policy.Interval), api.Deref(policy.Delay)
	p.notNegative("attempts", int64(attempts))
	unlimited := api.Deref(policy.Unlimited)
	if !unlimited && attempts == 0 {
		return // never
	}
	if unlimited && attempts > 0 {
		p.warnf("attempts has no effect while unlimited is true; add unlimited = false")
	}
	function := api.Deref(policy.DelayFunction)
	p.oneOf("delay_function", function, api.DelayConstant, api.DelayExponential, api.DelayFibonacci)
	if delay < minInterval {
		p.addf("the delay is %s at least", minInterval)
	}
	if function != api.DelayConstant && api.Deref(policy.MaxDelay) < delay {
		p.addf("max_delay must not be less than the delay, %s", delay)
	}
	if !unlimited && interval < minInterval {
		p.addf("with attempts, an interval of %s at least is required", minInterval)
	}
}

func (v *validator) update(p place, job *api.Job, update *api.UpdateStrategy) {
	if update == nil {
		return
	}
	if job.IsBatch() {
		p.addf("a %s job is not rolled out; remove the update block", api.Deref(job.Type))
		return
	}
	p.notNegative("max_parallel", int64(api.Deref(update.MaxParallel)))
	p.notNegative("canary", int64(api.Deref(update.Canary)))
	p.oneOf("health_check", api.Deref(update.HealthCheck), api.HealthCheckChecks, api.HealthCheckTaskStates, api.HealthCheckManual)
	healthy, deadline, progress := api.Deref(update.MinHealthyTime), api.Deref(update.HealthyDeadline), api.Deref(update.ProgressDeadline)
	p.notNegative("min_healthy_time", int64(healthy))
	p.notNegative("progress_deadline", int64(progress))
	if healthy >= deadline {
		p.addf("min_healthy_time (%s) must be less than healthy_deadline (%s)", healthy, deadline)
	}
	if progress != 0 && deadline >= progress {
		p.addf("healthy_deadline (%s) must be less than progress_deadline (%s)", deadline, progress)
	}
	v.canaries(p, job, update)
	stagger := api.Deref(update.Stagger)
	p.notNegative("stagger", int64(stagger))
	if stagger != defaultStagger && !job.IsSystem() {
		p.in("stagger").warnf("has an effect on system jobs only: instances of a service follow each other as they become healthy (min_healthy_time)")
	}
}

// canaries checks what an update block says of them, and what makes sense only with
// other attributes of it.
func (v *validator) canaries(p place, job *api.Job, update *api.UpdateStrategy) {
	canary := api.Deref(update.Canary)
	if canary > 100 && job.IsSystem() {
		p.in("canary").addf("of a system job it is how many percent of the nodes get a canary, 100 at most")
	}
	if api.Deref(update.AutoPromote) && canary <= 0 {
		p.in("auto_promote").addf("there is nothing to promote without a canary; add canary = 1")
	}
	if api.Deref(update.MaxParallel) == 0 && (canary > 0 || api.Deref(update.AutoRevert)) {
		p.in("max_parallel").addf("with 0 nothing is rolled out step by step, and so nothing tried out (canary) or taken back (auto_revert); say 1 or more")
	}
}

func (v *validator) migrate(p place, job *api.Job, migrate *api.MigrateStrategy) {
	if migrate == nil {
		return
	}
	if api.Deref(job.Type) != api.JobTypeService {
		p.addf("only services are migrated; remove the block from this %s job", api.Deref(job.Type))
		return
	}
	p.notNegative("max_parallel", int64(api.Deref(migrate.MaxParallel)))
	p.oneOf("health_check", api.Deref(migrate.HealthCheck), api.HealthCheckChecks, api.HealthCheckTaskStates)
	if api.Deref(migrate.MinHealthyTime) >= api.Deref(migrate.HealthyDeadline) {
		p.addf("min_healthy_time must be less than healthy_deadline")
	}
}

const maxPort = 65535

var portLabelPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

func (v *validator) networks(p place, networks []*api.NetworkResource) {
	if len(networks) > 1 {
		p.addf("a group has one network block; put the ports into one")
	}
	labels, statics := map[string]bool{}, map[staticPort]bool{}
	for _, network := range networks {
		v.networkMode(p, network)
		for _, ports := range [][]api.Port{network.ReservedPorts, network.DynamicPorts} {
			for _, port := range ports {
				at := p.in("port %q", port.Label)
				checkPort(at, port)
				if labels[port.Label] {
					at.addf("another port has the same label")
				}
				labels[port.Label] = true
				key := staticPort{port.HostNetwork, port.Value}
				if port.Value > 0 && statics[key] && !port.IgnoreCollision {
					at.addf("port %d is asked for twice", port.Value)
				}
				statics[key] = true
			}
		}
	}
}

// staticPort is a port of a node that a group asks for by its number.
type staticPort struct {
	network string
	number  int
}

// cniModePattern is the mode of networks that a node has a CNI configuration of.
var cniModePattern = regexp.MustCompile(`^cni/[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func (v *validator) networkMode(p place, network *api.NetworkResource) {
	switch network.Mode {
	case "", networkHost, networkBridge:
		if network.CNI != nil {
			p.in("cni").warnf("has an effect in networks of mode cni/NAME only")
		}
	case networkNone:
		if len(network.ReservedPorts)+len(network.DynamicPorts) > 0 {
			p.addf(`ports lead nowhere in a network of mode "none"`)
		}
	default:
		if !cniModePattern.MatchString(network.Mode) {
			p.in("mode").addf("%q is none of host, bridge, none and cni/NAME", network.Mode)
		}
	}
	if network.Hostname != "" && !ownNetwork(network) {
		p.in("hostname").warnf("has no effect: the group has the network of its node, not one of its own")
	}
	if network.DNS != nil {
		v.dns(p.in("dns"), network.DNS)
	}
	if network.Device != "" || network.CIDR != "" || network.IP != "" {
		p.warnf("device, cidr and ip have no effect: the node says which addresses ports are of; choose with host_network of a port")
	}
}

// ownNetwork reports whether a network is the group's own, not that of the node.
func ownNetwork(network *api.NetworkResource) bool {
	return network.Mode != "" && network.Mode != networkHost
}

// dns checks what would not do as a line of /etc/resolv.conf.
func (v *validator) dns(p place, dns *api.DNSConfig) {
	for _, server := range dns.Servers {
		if _, err := netip.ParseAddr(server); err != nil && !strings.Contains(server, "${") {
			p.in("servers").addf("%q is not an address", server)
		}
	}
	for _, word := range slices.Concat(dns.Searches, dns.Options) {
		if word == "" || strings.ContainsAny(word, " \t\n") {
			p.addf("%q of its searches and options is not a word", word)
		}
	}
}

func checkPort(p place, port api.Port) {
	if !portLabelPattern.MatchString(port.Label) {
		p.addf("a label has letters, digits, dashes and underscores")
	}
	if port.Value < 0 || port.Value > maxPort {
		p.in("static").addf("a port is a number from 1 to %d", maxPort)
	}
	if port.To < -1 || port.To > maxPort {
		p.in("to").addf("a port is a number from 1 to %d, or -1 for the same as outside", maxPort)
	}
}
