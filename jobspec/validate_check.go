package jobspec

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// minCheckTime is the shortest interval and timeout of a check.
const minCheckTime = time.Second

// check checks a check of a service of a task, or of the group if there is none.
func (v *validator) check(p place, group *api.TaskGroup, task *api.Task, service *api.Service, check *api.ServiceCheck) {
	native := service.Provider == providerNomad
	if check.Type != "grpc" && check.Type != "script" {
		p.oneOf("type", strings.ToLower(check.Type), api.CheckHTTP, api.CheckTCP)
	} else if native {
		p.in("type").unsupported("checks of type " + check.Type + "; the cluster makes those over http and tcp")
	}
	if check.Interval < minCheckTime || check.Timeout < minCheckTime {
		p.addf("interval and timeout are required, %s each at least", minCheckTime)
	}
	if check.Type == "script" && check.Command == "" {
		p.addf("a check by script needs a command")
	}
	if strings.EqualFold(check.Type, api.CheckHTTP) {
		httpCheck(p, check)
	}
	p.oneOf("on_update", check.OnUpdate, api.OnUpdateRequireHealthy, "ignore_warnings", api.OnUpdateIgnore)
	if check.InitialStatus != "" {
		p.oneOf("initial_status", check.InitialStatus, "passing", "warning", "critical")
	}
	if check.AddressMode != "" {
		p.oneOf("address_mode", check.AddressMode, "host", "alloc", "alloc_ipv6", "driver")
	}
	if check.TaskName != "" {
		v.taskOfService(p, group, task, check.TaskName)
	}
	checkRestart(p.in("check_restart"), check)
	checkPortReference(p, group, check.PortLabel)
	if native {
		nativeCheck(p, group, service, check)
	}
}

func httpCheck(p place, check *api.ServiceCheck) {
	switch path, err := url.Parse(check.Path); {
	case check.Path == "":
		p.addf("a check over HTTP needs a path")
	case err != nil && !strings.Contains(check.Path, "${"):
		p.in("path").addf("%q is not a path: %v", check.Path, err)
	case err == nil && (path.IsAbs() || path.Host != ""):
		p.in("path").addf("%q names a host; the address is that of the port", check.Path)
	}
	if check.Protocol != "" {
		p.oneOf("protocol", strings.ToLower(check.Protocol), "http", "https")
	}
	methods := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace,
	}
	if check.Method != "" && !strings.Contains(check.Method, "${") && !slices.Contains(methods, check.Method) {
		p.oneOf("method", check.Method, methods...)
	}
}

func checkRestart(p place, check *api.ServiceCheck) {
	r := check.CheckRestart
	if r == nil {
		return
	}
	p.notNegative("limit", int64(r.Limit))
	p.notNegative("grace", int64(api.Deref(r.Grace)))
	if check.OnUpdate == api.OnUpdateIgnore {
		p.addf(`a check with on_update = "ignore" can't restart a task: a rollout that it says nothing of would be undone by it`)
	}
}

// nativeCheck checks a check that node agents make.
func nativeCheck(p place, group *api.TaskGroup, service *api.Service, check *api.ServiceCheck) {
	if service.PortLabel == "" && check.PortLabel == "" {
		p.addf("it needs a port: its own or that of the service")
	}
	addressMode(p, group, check.AddressMode)
	if check.OnUpdate == "ignore_warnings" {
		p.addf(`on_update = "ignore_warnings" is for checks of Consul, which know warnings`)
	}
	if check.CheckRestart != nil && check.CheckRestart.IgnoreWarnings {
		p.in("check_restart").in("ignore_warnings").unsupported("warnings of a check, which Consul knows; remove it")
	}
	for _, field := range []struct {
		there      bool
		name, what string
	}{
		{check.InitialStatus == "warning", "initial_status", "warnings of a check, which Consul knows"},
		{check.Expose, "expose", "the service mesh"},
		{check.Advertise != "", "advertise", "an address of a check's own"},
		{check.Command != "" || len(check.Args) > 0, "command", "checks by script"},
		{check.GRPCService != "" || check.GRPCUseTLS, "grpc_service", "checks over gRPC"},
		{check.SuccessBeforePassing != 0, "success_before_passing", "counting successes, which Consul does"},
		{check.FailuresBeforeCritical != 0, "failures_before_critical", "counting failures, which Consul does"},
		{check.FailuresBeforeWarning != 0, "failures_before_warning", "counting failures, which Consul does"},
	} {
		if field.there {
			p.in("%s", field.name).unsupported(field.what)
		}
	}
	if strings.EqualFold(check.Type, api.CheckTCP) &&
		(check.Path != "" || check.Method != "" || len(check.Header) > 0 || check.Body != "" || check.Protocol != "") {
		p.warnf("a check over TCP only opens a connection: path, method, header, body and protocol have no effect")
	}
}
