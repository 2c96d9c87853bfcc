job "pair" {
  group "pair" {
    network {
      mode     = "bridge"
      hostname = "pair-${NOMAD_ALLOC_INDEX}"

      port "http" {
        to = 80
      }

      dns {
        servers = ["192.0.2.53"]
      }
    }

    service {
      name         = "pair"
      port         = "http"
      provider     = "nomad"
      address_mode = "alloc"

      check {
        name     = "open"
        type     = "http"
        path     = "/"
        interval = "1s"
        timeout  = "5s"
      }

      check {
        name         = "outside"
        type         = "tcp"
        address_mode = "host"
        interval     = "1s"
        timeout      = "5s"
      }
    }

    shutdown_delay = "1ms"

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

    task "client" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOF
          env | grep NOMAD_ | sort
          cat /etc/resolv.conf /etc/hosts
          until curl -sf -o /dev/null http://localhost/ && curl -sf -o /dev/null http://pair-0/; do sleep 0.1; done
          echo reached
          exec sleep 100000
        EOF
        ]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
