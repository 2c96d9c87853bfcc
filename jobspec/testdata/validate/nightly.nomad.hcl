job "nightly" {
  type = "batch"

  periodic {
    cron = "@daily"
  }

  group "g" {
    task "t" {
      driver = "raw_exec"

      dispatch_payload {
        file = "input.txt"
      }
    }
  }
}
