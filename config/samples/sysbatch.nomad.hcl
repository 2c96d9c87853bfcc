# Once on every node that is right for it, to completion. A node that joins later has its
# turn then; a changed job runs everywhere again.
job "tidy" {
  type = "sysbatch"

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  group "tidy" {
    max_run_duration = "10m"

    task "countdown" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "for i in 3 2 1; do echo $i on $(hostname); sleep 1; done"]
      }

      resources {
        cpu    = 50
        memory = 16
      }
    }
  }
}
