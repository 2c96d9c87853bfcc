job "actions" {
  group "g" {
    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }

      action "good-1" {
        command = "/bin/date"
      }

      action "good-1" {
        command = "/bin/date"
        args    = ["-u"]
      }

      action "not good" {
        command = "/bin/date"
      }

      action "nothing" {
        args = ["x"]
      }
    }
  }
}
