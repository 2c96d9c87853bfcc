job "a job" {
  type        = "servce"
  priority    = 1000
  region      = ""
  namespace   = "a b"
  node_pool   = "a/b"
  datacenters = [""]

  constraint {
    attribute = "${attr.os.name}"
    operator  = "=~"
    value     = "x"
  }

  constraint {
    attribute = "${attr.os.name}"
    regexp    = "("
  }

  constraint {
    attribute = "${attr.os.version}"
    version   = "about 3"
  }

  constraint {
    attribute = "${attr.os.version}"
    semver    = ">= x"
  }

  constraint {
    value = "x"
  }

  constraint {
    distinct_property = "${meta.rack}"
    value             = "none"
  }

  affinity {
    attribute = "${meta.x}"
    value     = "1"
    weight    = 0
  }

  spread {
    attribute = ""

    target "a" {
      percent = 60
    }

    target "b" {
      percent = 60
    }
  }

  group "g" {
    count = -1

    ephemeral_disk {
      size = 1
    }

    restart {
      attempts = 100
      delay    = "1m"
      interval = "5m"
      mode     = "retry"
    }

    reschedule {
      attempts       = 3
      unlimited      = false
      delay          = "0s"
      delay_function = "linear"
    }

    update {
      min_healthy_time  = "10m"
      progress_deadline = "1m"
      health_check      = "vibes"
    }

    network {
      port "a b" {
        static = 70000
      }

      port "x" {
        static = 80
      }

      port "y" {
        static = 80
      }
    }

    network {
      mode = "bridge"
    }

    service {
      name     = "under_score"
      port     = "htp"
      provider = "zookeeper"

      check {
        type = "ping"
      }
    }

    task "t/t" {
      driver      = ""
      kill_signal = "SIGTERN"

      lifecycle {
        hook = "before"
      }

      logs {
        max_files     = 100
        max_file_size = 100
      }

      resources {
        cpu        = 0
        memory     = 1
        memory_max = 1
      }

      constraint {
        distinct_hosts = true
      }
    }

    task "alloc" {
      driver = "raw_exec"
      leader = true

      lifecycle {
        hook = "prestart"
      }
    }

    task "alloc" {
      driver = "raw_exec"
      leader = true

      lifecycle {
        hook = "poststop"
      }
    }
  }

  group "g" {
  }
}
