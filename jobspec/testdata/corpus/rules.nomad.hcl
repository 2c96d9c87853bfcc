job "rules" {
  constraint {
    attribute = "${attr.nomad.version}"
    version   = ">= 1.2"
  }

  constraint {
    attribute = "${attr.nomad.version}"
    semver    = "> 1.2.0"
  }

  constraint {
    attribute = "${attr.unique.hostname}"
    regexp    = "^web-[0-9]+$"
  }

  constraint {
    attribute    = "${meta.tags}"
    set_contains = "a,b"
  }

  constraint {
    attribute        = "${meta.tags}"
    set_contains_any = "a,b"
  }

  constraint {
    attribute        = "${meta.tags}"
    set_contains_all = "a,b"
  }

  constraint {
    operator = "distinct_hosts"
    value    = "true"
  }

  constraint {
    distinct_hosts = false
  }

  constraint {
    distinct_property = "${meta.rack}"
    value             = "3"
  }

  constraint {
    is_set = "${attr.driver.docker}"
  }

  constraint {
    is_not_set = "${meta.x}"
  }

  constraint {
    attribute = "${meta.n}"
    operator  = "<"
    value     = 3
  }

  affinity {
    attribute    = "${meta.tags}"
    set_contains = "fast"
    weight       = -50
  }

  group "g" {
    task "t" {
      driver = "raw_exec"
    }
  }
}
