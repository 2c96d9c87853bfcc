# A web server on a port that drover chooses. `drover alloc status` says which.
variable "count" {
  type    = number
  default = 1
}

locals {
  greeting = "served by drover"
}

job "web" {
  group "http" {
    count = var.count

    network {
      port "http" {}
    }

    task "server" {
      driver = "raw_exec"

      config {
        command  = "/usr/bin/python3"
        args     = ["-m", "http.server", "${NOMAD_PORT_http}", "--bind", "${NOMAD_IP_http}"]
        work_dir = "${NOMAD_TASK_DIR}"
      }

      env {
        PYTHONUNBUFFERED = "1"
        GREETING         = local.greeting
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
