variable "path" {
  default = "/"
}

variable "delay" {
  default = "0"
}

job "shop" {
  group "web" {
    count          = 2
    shutdown_delay = "100ms"

    network {
      port "http" {}
    }

    service {
      name     = "shop"
      port     = "http"
      provider = "nomad"
      tags     = ["blue", "${NOMAD_ALLOC_INDEX}"]

      check {
        name     = "open"
        type     = "http"
        path     = var.path
        interval = "1s"
        timeout  = "1s"
      }

      check {
        name      = "port"
        type      = "tcp"
        interval  = "1s"
        timeout   = "1s"
        on_update = "ignore"
      }
    }

    update {
      max_parallel      = 1
      min_healthy_time  = "200ms"
      healthy_deadline  = "15s"
      progress_deadline = "20s"
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "sleep ${var.delay}; exec /usr/bin/python3 -m http.server $NOMAD_PORT_http"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
