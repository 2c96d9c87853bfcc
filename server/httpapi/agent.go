package httpapi

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Agent is what the process that serves the API says of itself.
type Agent struct {
	Name       string // of the machine or server
	Region     string
	Datacenter string
	Version    string
	ServerID   string
	// SessionAddress is where node agents reach the server: host and port.
	SessionAddress string
	// GossipPort is shown of the server as a member; it may be 0.
	GossipPort uint16
	// Debug lets GET /v1/agent/pprof/ show profiles of the process.
	Debug bool
	// Config is shown by GET /v1/agent/self: the agent's configuration in the form of
	// its JSON. May be nil.
	Config map[string]any
	// Client says how the client role of the same process does; nil if it has none.
	Client func() api.AgentRoleHealth
	// ClientStats is shown by GET /v1/agent/self. May be nil.
	ClientStats func() map[string]string
	// ClientMetrics are shown by GET /v1/metrics beside those of the server. They count
	// also with an error. May be nil.
	ClientMetrics func(ctx context.Context) ([]api.Gauge, error)
}

// readHealth is GET /v1/agent/health: 500 unless all roles are well.
func readHealth(c *call) error {
	only := c.query.Get("type")
	out := api.AgentHealth{}
	if only == "" || only == "server" {
		out.Server = c.api.serverHealth()
	}
	if client := c.api.agent.Client; client != nil && (only == "" || only == "client") {
		health := client()
		out.Client = &health
	}
	for _, role := range []*api.AgentRoleHealth{out.Client, out.Server} {
		if role != nil && !role.OK {
			encoded, err := encodeJSON(out, false)
			if err != nil {
				return err
			}
			return wordedf(errUnhealthy, "%s", encoded)
		}
	}
	return c.answer(out)
}

func (a *API) serverHealth() *api.AgentRoleHealth {
	if a.store.Leader().ServerID == "" {
		return &api.AgentRoleHealth{Message: "no cluster leader"}
	}
	return &api.AgentRoleHealth{OK: true, Message: "ok"}
}

// readSelf is GET /v1/agent/self.
func readSelf(c *call) error {
	a := c.api
	leader := a.store.Leader()
	out := api.AgentSelf{
		Config: a.agent.Config,
		Member: *a.member(),
		Stats: map[string]map[string]string{
			"nomad": {
				"server":        "true",
				"leader":        strconv.FormatBool(leader.IsSelf),
				"leader_addr":   a.leaderAddress(),
				"bootstrap":     "true",
				"known_regions": "1",
			},
			"raft": {
				"applied_index": strconv.FormatUint(a.store.Snapshot().Index(), 10),
				"term":          strconv.FormatUint(leader.Term, 10),
				"num_peers":     "0",
				"state":         raftState(leader.IsSelf),
			},
			"runtime": {
				"arch":        runtime.GOARCH,
				"cpu_count":   strconv.Itoa(runtime.NumCPU()),
				"goroutines":  strconv.Itoa(runtime.NumGoroutine()),
				"kernel.name": runtime.GOOS,
				"max_procs":   strconv.Itoa(runtime.GOMAXPROCS(0)),
				"version":     runtime.Version(),
			},
		},
	}
	if stats := a.agent.ClientStats; stats != nil {
		out.Stats["client"] = stats()
	}
	return c.answer(out)
}

func raftState(leads bool) string {
	if leads {
		return "Leader"
	}
	return "Follower"
}

// member returns this server as its peers see it.
func (a *API) member() *api.AgentMember {
	host, port, err := net.SplitHostPort(a.agent.SessionAddress)
	if err != nil {
		host, port = a.agent.SessionAddress, ""
	}
	return &api.AgentMember{
		Name:   fmt.Sprintf("%s.%s", a.agent.Name, a.agent.Region),
		Addr:   host,
		Port:   a.agent.GossipPort,
		Status: "alive",
		Tags: map[string]string{
			"bootstrap": "1",
			"build":     a.agent.Version,
			"dc":        a.agent.Datacenter,
			"expect":    "1",
			"id":        a.agent.ServerID,
			"port":      port,
			"raft_vsn":  "3",
			"region":    a.agent.Region,
			"revision":  "",
			"role":      "nomad",
			"rpc_addr":  host,
			"vsn":       "1",
		},
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2,
		DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// listMembers is GET /v1/agent/members. This server is its only member.
func listMembers(c *call) error {
	return c.answer(api.ServerMembers{
		ServerName:   c.api.agent.Name,
		ServerRegion: c.api.agent.Region,
		ServerDC:     c.api.agent.Datacenter,
		Members:      []*api.AgentMember{c.api.member()},
	})
}

// listServers is GET /v1/agent/servers and GET /v1/status/peers: where node agents
// reach servers.
func listServers(c *call) error { return c.answer([]string{c.api.agent.SessionAddress}) }

// readLeader is GET /v1/status/leader.
func readLeader(c *call) error {
	address := c.api.leaderAddress()
	if address == "" {
		return api.ErrNoLeader
	}
	return c.answer(address)
}

// leaderAddress is where node agents reach the leader, or "" if there is none.
func (a *API) leaderAddress() string {
	switch leader := a.store.Leader(); {
	case leader.ServerID == "":
		return ""
	case leader.IsSelf:
		return a.agent.SessionAddress
	default:
		return leader.Address
	}
}

// listRegions is GET /v1/regions.
func listRegions(c *call) error { return c.answer([]string{c.api.agent.Region}) }
