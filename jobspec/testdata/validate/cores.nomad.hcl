job "cores" {
  group "g" {
    task "good" {
      driver = "raw_exec"
      resources {
        cores = 4
        numa { affinity = "require" }
      }
    }
    task "both" {
      driver = "raw_exec"
      resources {
        cpu   = 100
        cores = 1
      }
    }
    task "negative" {
      driver = "raw_exec"
      resources {
        cores = -1
      }
    }
    task "numa" {
      driver = "raw_exec"
      resources {
        numa { affinity = "requires" }
      }
    }
  }
}
