job "uncronned" {
  type = "batch"

  periodic {
    enabled   = false
    time_zone = "Local"
  }

  parameterized {
    payload = "forbidden"
  }

  group "g" {
    task "t" {
      driver = "raw_exec"

      dispatch_payload {
        file = "in/put.txt"
      }
    }
  }
}
