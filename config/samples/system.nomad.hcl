# A system job: one instance on every node that can take it, also on nodes that join
# later.
job "uptime" {
  type = "system"

  group "every-node" {
    task "report" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "while true; do uptime; sleep 60; done"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
