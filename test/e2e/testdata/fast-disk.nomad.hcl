job "fast-disk" {
  constraint {
    attribute = "${meta.disk}"
    value     = "ssd"
  }

  group "web" {
    task "app" {
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
