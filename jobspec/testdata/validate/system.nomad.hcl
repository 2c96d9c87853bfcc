job "system" {
  type = "system"

  spread {
    attribute = "${node.datacenter}"
  }

  group "g" {
    count = 2

    reschedule {
      attempts = 5
    }

    task "t" {
      driver = "raw_exec"
    }
  }
}
