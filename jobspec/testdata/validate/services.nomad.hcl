job "services" {
  group "web" {
    shutdown_delay = "5s"

    network {
      port "http" {}
    }

    service {
      name           = "web"
      port           = "http"
      provider       = "nomad"
      address_mode   = "driver"
      canary_tags    = ["canary"]
      on_update      = "ignore_warnings"

      tagged_addresses {
        wan = "203.0.113.7"
      }

      check {
        name     = "a"
        type     = "http"
        path     = "http://example.com/"
        method   = "FETCH"
        protocol = "ftp"
        interval = "500ms"
        timeout  = "1s"
      }

      check {
        name         = "a"
        type         = "tcp"
        path         = "/"
        task         = "serve"
        interval     = "1s"
        timeout      = "1s"
        address_mode = "auto"
        on_update    = "ignore"

        check_restart {
          limit = -1
        }
      }
    }

    service {
      name     = "web"
      port     = "http"
      provider = "nomad"

      check {
        type     = "grpc"
        interval = "1s"
        timeout  = "1s"

        check_restart {
          limit           = 3
          ignore_warnings = true
        }
      }
    }

    service {
      name     = "portless"
      provider = "nomad"

      check {
        type     = "tcp"
        interval = "1s"
        timeout  = "1s"
      }
    }

    task "server" {
      driver = "raw_exec"

      service {
        name = "other"
        port = "http"
        task = "sidecar"
      }
    }
  }
}
