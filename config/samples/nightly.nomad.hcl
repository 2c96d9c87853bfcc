# A job that is launched every night at three, by the clocks of Berlin, and on Sundays at
# noon too. A launch is passed over while an earlier one still runs.
job "nightly" {
  type = "batch"

  periodic {
    crons            = ["0 3 * * *", "0 12 * * SUN"]
    time_zone        = "Europe/Berlin"
    prohibit_overlap = true
  }

  group "backup" {
    task "backup" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo $NOMAD_JOB_ID saves everything; date"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
