# A node: runs tasks.
datacenter = "dc1"
data_dir   = "/var/lib/drover"
log_json   = true

client {
  enabled = true
  servers = ["10.0.0.1:4647"]

  node_class = "general"
  meta = {
    instance_type = "m5.large"
  }

  # What tasks don't get: room for the system and for drover itself.
  reserved {
    cpu            = 200
    memory         = 256
    reserved_ports = "22"
  }
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}
