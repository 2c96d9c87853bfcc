job "far" {
  group "far" {
    network {
      mode = "bridge"

      port "http" {
        to           = 80
        host_network = "far"
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "python3"
        args    = ["-m", "http.server", "80"]
      }

      resources {
        cpu    = 20
        memory = 50
      }
    }
  }
}
