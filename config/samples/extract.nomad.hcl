# The first job of a pipeline; transform and load wait for it. It is removed an hour after
# its end.
job "extract" {
  type               = "batch"
  deadline           = "10m"
  ttl_after_finished = "1h"

  group "extract" {
    task "extract" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo extracted"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
