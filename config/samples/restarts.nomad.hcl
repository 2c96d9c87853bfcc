# A task that fails: restarted twice on its node, then replaced once, then given up.
# `drover job status unlucky` and `drover alloc status` say why.
job "unlucky" {
  type = "batch"

  group "g" {
    restart {
      attempts = 2
      interval = "5m"
      delay    = "1s"
      mode     = "fail"
    }

    reschedule {
      attempts       = 1
      interval       = "1h"
      delay          = "5s"
      delay_function = "constant"
      unlimited      = false
    }

    task "fails" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo no luck >&2; exit 3"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
