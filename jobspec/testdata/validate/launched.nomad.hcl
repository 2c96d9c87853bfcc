job "launched" {
  type = "service"

  periodic {
    cron      = "61 * * * *"
    crons     = ["0 3 * * *", "never", "0 0 31 2 *"]
    time_zone = "Mars/Olympus"
  }

  parameterized {
    payload       = "maybe"
    meta_required = ["twice", "twice", "both"]
    meta_optional = ["both", ""]
  }

  group "g" {
    task "outside" {
      driver = "raw_exec"

      dispatch_payload {
        file = "../secret"
      }
    }

    task "nameless" {
      driver = "raw_exec"

      dispatch_payload {}
    }
  }
}
