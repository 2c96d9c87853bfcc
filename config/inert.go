package config

import (
	"fmt"
	"slices"
	"strings"
)

// inert are the names that the reference's agent configuration has and that have no
// effect here yet, by the block that they stand in. They are accepted, so that
// existing files keep working, and noted. A name ending in {} is a block, {*} one
// with a label.
var inert = map[string][]string{
	"": {
		"acl{}", "audit{}", "autopilot{}", "consul{}", "disable_anonymous_signature", "disable_update_check",
		"enable_syslog", "http_api_response_headers{}", "keyring{*}", "log_file", "log_include_location",
		"log_rotate_bytes", "log_rotate_duration", "log_rotate_max_files", "reporting{}", "rpc{}",
		"sentinel{}", "syslog_facility", "telemetry{}", "tls{}", "ui{}", "vault{}", "eventlog{}",
	},
	"server": {
		"acl_token_gc_threshold", "authoritative_region", "batch_eval_gc_threshold", "csi_plugin_gc_threshold",
		"csi_volume_claim_gc_interval", "csi_volume_claim_gc_threshold", "data_dir",
		"enable_event_broker", "enabled_schedulers", "encrypt", "event_buffer_size", "failover_heartbeat_ttl",
		"job_default_priority", "job_max_count", "job_max_priority", "job_max_source_size",
		"license_path", "max_heartbeats_per_second", "min_heartbeat_ttl", "node_threshold", "non_voting_server",
		"num_schedulers", "oidc_issuer", "plan_rejection_tracker{}", "protocol_version", "raft_boltdb{}",
		"raft_logstore{}", "raft_multiplier", "raft_protocol", "raft_snapshot_interval", "raft_snapshot_threshold",
		"raft_trailing_logs", "redundancy_zone", "rejoin_after_leave", "retry_interval", "retry_join", "retry_max",
		"root_key_gc_interval", "root_key_gc_threshold", "root_key_rotation_threshold", "search{}", "server_join{}",
		"start_join", "start_timeout", "upgrade_version", "client_introduction{}",
	},
	"client": {
		"alloc_mounts_dir", "cgroup_parent",
		"client_max_port", "client_min_port", "common_plugin_dir",
		"cpu_disable_dmidecode", "disable_remote_exec", "disk_free_mb", "fingerprint{*}",
		"host_volume_plugin_dir", "host_volumes_dir",
		"max_dynamic_user", "memory_total_swap_mb", "min_dynamic_user", "no_host_uuid",
		"nomad_service_discovery", "preferred_address_family",
		"template{}", "users{}", "log_file", "intro_token", "default_ineligible",
	},
	"client.artifact":    {"gcs_timeout", "hg_timeout", "s3_timeout"},
	"client.server_join": {"retry_interval", "retry_max", "retry_max_attempts", "start_join"},
	"limits": {
		"http_max_conns_per_client", "https_handshake_timeout", "rpc_handshake_timeout", "rpc_max_conns_per_client",
	},
}

// unused are the fields of Agent that are read and shown, and have no effect yet: one
// server talks to no others.
var unused = map[string][]string{
	"ports":     {"serf", "raft"},
	"addresses": {"serf", "raft"},
	"advertise": {"serf", "raft"},
}

// driverSettings are the settings of task drivers that are there.
var driverSettings = map[string][]string{
	"raw_exec": {"enabled", "no_cgroups", "denied_envvars", "denied_host_uids", "denied_host_gids"},
	"exec":     isolationSettings,
	"java":     isolationSettings,
	"wasm":     isolationSettings,
	"qemu":     append([]string{"image_paths", "args_allowlist"}, isolationSettings...),
	// The driver itself refuses what it does not know.
	"docker": {
		"allow_caps", "allow_privileged", "allow_runtimes", "auth", "disable_log_collection", "enabled", "endpoint", "extra_labels",
		"gc", "image_pull_timeout", "infra_image", "infra_image_pull_timeout", "logging", "nvidia_runtime", "pids_limit",
		"pull_activity_timeout", "tls", "volumes", "windows_allow_insecure_container_admin",
	},
}

var isolationSettings = []string{
	"no_pivot_root", "default_pid_mode", "default_ipc_mode", "allow_caps", "pids_limit", "denied_host_uids", "denied_host_gids",
}

// idle returns notes about settings of drivers and options that nothing asks for.
func (a *Agent) idle() []string {
	var notes []string
	note := func(what string) { notes = append(notes, what+" has no effect yet") }
	for driver, plugin := range a.Plugins {
		known, there := driverSettings[driver]
		if !there {
			continue // it may be a program
		}
		for name := range plugin.Config {
			if !slices.Contains(known, name) {
				note(fmt.Sprintf("plugin %q: %s", driver, name))
			}
		}
	}
	for option := range a.Client.Options {
		driver, isSwitch := strings.CutPrefix(strings.TrimSuffix(option, ".enable"), "driver.")
		if !slices.Contains(driverSettings[driver], "enabled") || !isSwitch || !strings.HasSuffix(option, ".enable") {
			note(fmt.Sprintf("client.options: %q", option))
		}
	}
	slices.Sort(notes)
	return notes
}
