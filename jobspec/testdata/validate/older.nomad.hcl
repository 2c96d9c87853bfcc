# Forms that guides of years ago show.
job "older" {
  datacenters = ["dc1"]
  type        = "service"

  group "cache" {
    count = 1

    task "redis" {
      driver = "docker"

      config {
        image = "redis:3.2"

        port_map {
          db = 6379
        }
      }

      logs {
        enabled = false
      }

      resources {
        cpu    = 500
        memory = 256

        network {
          mbits = 10

          port "db" {}

          port "http" {
            static = "5678"
          }
        }
      }
    }
  }
}
