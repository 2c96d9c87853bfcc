job "networks" {
  group "bridge" {
    network {
      mode     = "bridge"
      hostname = "web-${NOMAD_ALLOC_INDEX}"

      port "http" {
        to = 80
      }

      dns {
        servers  = ["192.0.2.1", "fd00::1", "${meta.dns}"]
        searches = ["example.com"]
        options  = ["ndots:2"]
      }
    }

    service {
      name         = "web"
      port         = "http"
      provider     = "nomad"
      address_mode = "alloc"

      check {
        type         = "tcp"
        address_mode = "alloc_ipv6"
        interval     = "10s"
        timeout      = "2s"
      }
    }

    shutdown_delay = "1s"

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }

  group "plugins" {
    network {
      mode = "cni/my-net"

      cni {
        args = {
          COLOUR = "blue"
        }
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }

  group "wrong" {
    network {
      mode = "none"

      port "http" {}

      dns {
        servers  = ["dns.example.com"]
        searches = ["a b"]
      }
    }

    service {
      name         = "web"
      port         = "http"
      provider     = "nomad"
      address_mode = "alloc"
    }

    shutdown_delay = "1s"

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }

  group "host" {
    network {
      hostname = "web"

      cni {
        args = {
          COLOUR = "blue"
        }
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }

  group "unknown" {
    network {
      mode = "overlay"
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }
    }
  }
}
