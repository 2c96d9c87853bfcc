# What only batch jobs have.
job "own-service" {
  deadline           = "1h"
  ttl_after_finished = "-1s"

  group "array" {
    gang = true

    indexed {
      completions = 5
    }

    task "t" {
      driver = "raw_exec"
    }
  }
}
