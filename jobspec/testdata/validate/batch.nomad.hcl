job "batch" {
  type = "batch"

  update {
    max_parallel = 1
  }

  migrate {
    max_parallel = 1
  }

  group "g" {
    reschedule {
      attempts  = 5
      unlimited = true
    }

    task "t" {
      driver = "raw_exec"
    }
  }
}
