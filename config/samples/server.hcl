# A server: keeps the desired state, runs the controllers, serves the HTTP API.
datacenter = "dc1"
data_dir   = "/var/lib/drover"
bind_addr  = "0.0.0.0"
log_json   = true

server {
  enabled          = true
  bootstrap_expect = 1

  # How long ended things can still be looked at.
  job_gc_threshold  = "4h"
  eval_gc_threshold = "1h"

  # How long a node may be silent before its session ends, and then be without one
  # before its work is replaced.
  session_timeout = "15s"
  heartbeat_grace = "10s"
}
