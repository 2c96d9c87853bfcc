package main

import (
	"encoding/json"
	"strings"

	"github.com/droverhq/drover/config"
)

// shown is a configuration as GET /v1/agent/self shows it: the form of its JSON, and
// those of the reference's names that clients read.
func (a *agent) shown() (map[string]any, error) {
	cfg := a.cfg
	b, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	advertised := map[string]any{}
	if advertised["HTTP"], err = a.advertised(config.HTTP, a.http); err != nil {
		return nil, err
	}
	if advertised["RPC"], err = a.advertised(config.RPC, a.sessions); err != nil {
		return nil, err
	}
	m["AdvertiseAddrs"] = advertised
	m["DevMode"], m["NodeName"], m["LogJson"] = cfg.Dev, cfg.Name, cfg.LogJSON
	m["LeaveOnInt"], m["LeaveOnTerm"] = false, false
	m["Version"] = map[string]any{"Version": version, "VersionPrerelease": "", "VersionMetadata": "", "Revision": "", "BuildDate": nil}
	m["ACL"] = map[string]any{"Enabled": false}
	m["TLSConfig"] = map[string]any{"EnableHTTP": false, "EnableRPC": false}
	return m, nil
}

// stats are the node role's figures in GET /v1/agent/self.
func (r *clientRole) stats() map[string]string {
	out := map[string]string{"known_servers": strings.Join(r.servers, ",")}
	if n := r.agent.Node(); n != nil {
		out["node_id"] = n.ID
	}
	return out
}
