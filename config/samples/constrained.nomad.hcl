# Where a job may run: only on Linux nodes of the class "general". Without such a
# node it waits, and `drover job status picky` says what ruled out which nodes.
job "picky" {
  datacenters = ["*"]

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  group "g" {
    constraint {
      attribute = "${node.class}"
      value     = "general"
    }

    task "sleep" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["100000"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
