# A throw-away agent on one machine: drover agent -dev -config dev.hcl
# -dev already starts a server and a node on loopback, with raw_exec on.
log_level = "INFO"

client {
  meta = {
    "example.rack" = "r1"
  }
}
