package jobspec

var serviceSchema = define(schema{
	attributes: "name port=PortLabel tags canary_tags enable_tag_override address_mode address task=TaskName on_update provider cluster kind",
	blocks: []nested{
		{name: "canary_meta", field: "CanaryMeta", orAttribute: true},
		{name: "check", field: "Checks", body: checkSchema},
		{name: "check_restart", field: "CheckRestart", body: checkRestartSchema},
		{name: "connect", field: "Connect", body: define(schema{
			attributes: "native",
			blocks: []nested{
				{name: "gateway", field: "Gateway"},
				{name: "sidecar_service", field: "SidecarService"},
				{name: "sidecar_task", field: "SidecarTask"},
			},
		})},
		{name: "identity", field: "Identity", body: identitySchema},
		{name: "meta", field: "Meta", orAttribute: true},
		{name: "tagged_addresses", field: "TaggedAddresses", orAttribute: true},
		{name: "weights", field: "Weights", body: define(schema{attributes: "passing warning"})},
	},
})

var checkSchema = define(schema{
	attributes: "name type command args path protocol port=PortLabel expose address_mode advertise interval timeout initial_status notes" +
		" tls_server_name=TLSServerName tls_skip_verify=TLSSkipVerify method grpc_service=GRPCService grpc_use_tls=GRPCUseTLS" +
		" task=TaskName success_before_passing failures_before_critical failures_before_warning body on_update",
	blocks: []nested{
		{name: "check_restart", field: "CheckRestart", body: checkRestartSchema},
		{name: "header", field: "Header", orAttribute: true},
	},
})

var checkRestartSchema = define(schema{attributes: "limit grace ignore_warnings"})
