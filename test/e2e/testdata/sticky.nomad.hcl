job "sticky" {
  group "g" {
    volume "data" {
      type   = "host"
      source = "data"
      sticky = true
    }

    task "t" {
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

    update {
      min_healthy_time = "0s"
    }
  }
}
