job "x" {
  priority    = "high"
  datacenters = "dc1"
  all_at_once = "perhaps"

  meta {
    list = [1]
  }

  group "g" {
    count = 1.5

    shutdown_delay = "soon"

    restart {
      attempts = 99999999999999999999
      interval = true
    }

    affinity {
      weight = 300
    }

    constraint {
      distinct_hosts = "x"
    }

    task "t" {
      env = ["a"]

      config = {
        a = 1
      }
    }
  }
}
