# Every block and attribute of the language.
job "everything" {
  id               = "everything-id"
  name             = "Everything"
  region           = "global"
  namespace        = "prod"
  type             = "service"
  priority         = 70
  all_at_once      = false
  datacenters      = ["dc1", "dc2"]
  node_pool        = "gpu"
  consul_namespace = "cns"
  vault_namespace  = "vns"

  deadline           = "2h"
  ttl_after_finished = "0s"

  depends_on "extract" {
    namespace = "etl"
    condition = "completion"
  }

  depends_on "database" {}

  meta {
    owner = "ops"
    port  = 80
  }

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  affinity {
    attribute = "${node.datacenter}"
    value     = "dc1"
    weight    = 100
  }

  spread {
    attribute = "${node.datacenter}"
    weight    = 80

    target "dc1" {
      percent = 60
    }

    target "dc2" {
      percent = 40
    }
  }

  update {
    max_parallel      = 2
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "5m"
    progress_deadline = "10m"
    auto_revert       = true
    auto_promote      = true
    canary            = 1
    stagger           = "30s"
  }

  migrate {
    max_parallel     = 1
    health_check     = "task_states"
    min_healthy_time = "5s"
    healthy_deadline = "3m"
  }

  reschedule {
    attempts       = 3
    interval       = "1h"
    delay          = "30s"
    delay_function = "fibonacci"
    max_delay      = "10m"
    unlimited      = false
  }

  periodic {
    cron             = "@daily"
    enabled          = true
    prohibit_overlap = true
    time_zone        = "Asia/Seoul"
  }

  parameterized {
    payload       = "required"
    meta_required = ["a"]
    meta_optional = ["b"]

    max_concurrent = 2
  }

  multiregion {
    strategy {
      max_parallel = 1
      on_failure   = "fail_all"
    }

    region "west" {
      count       = 2
      datacenters = ["west-1"]
      node_pool   = "default"

      meta {
        where = "west"
      }
    }
  }

  ui {
    description = "A job"

    link {
      label = "Docs"
      url   = "https://example.com"
    }
  }

  vault {
    policies = ["outer"]
  }

  task "alone" {
    driver = "raw_exec"
  }

  group "web" {
    gang = true

    indexed {
      completions = 100
      parallelism = 10
      attempts    = 2
      max_failed  = 5
    }

    count                      = 2
    shutdown_delay             = "5s"
    stop_after_client_disconnect = "1h"
    max_client_disconnect      = "2h"
    max_run_duration           = "24h"
    prevent_reschedule_on_lost = true

    meta = {
      "with.dot" = "x"
    }

    constraint {
      distinct_hosts = true
    }

    affinity {
      attribute = "${meta.rack}"
      operator  = "!="
      value     = "r1"
    }

    spread {
      attribute = "${meta.rack}"
    }

    consul {
      namespace = "n"
      cluster   = "c"
      partition = "p"
    }

    disconnect {
      lost_after           = "6h"
      stop_on_client_after = "1h"
      replace              = false
      reconcile            = "best_score"
    }

    ephemeral_disk {
      migrate = true
      size    = 500
      sticky  = true
    }

    restart {
      attempts         = 4
      delay            = "1s"
      interval         = "1m"
      mode             = "delay"
      render_templates = true
    }

    reschedule {
      unlimited = true
    }

    update {
      max_parallel = 3
    }

    migrate {
      max_parallel = 2
    }

    scaling {
      min     = 1
      max     = 10
      enabled = true
      type    = "horizontal"

      policy {
        cooldown = "1m"

        check "avg" {
          source = "prometheus"
        }
      }
    }

    network {
      mode     = "bridge"
      hostname = "web"
      device   = "eth0"
      cidr     = "10.0.0.0/8"
      ip       = "10.0.0.1"

      port "http" {
        static           = 8080
        to               = 80
        host_network     = "public"
        ignore_collision = true
      }

      port "admin" {
        to = 9000
      }

      dns {
        servers  = ["1.1.1.1"]
        searches = ["example.com"]
        options  = ["ndots:2"]
      }

      cni {
        args = {
          a = "b"
        }
      }
    }

    volume "data" {
      type            = "csi"
      source          = "vol"
      read_only       = true
      sticky          = true
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
      per_alloc       = true

      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime"]
      }
    }

    service {
      name                = "web"
      port                = "http"
      tags                = ["a", "b"]
      canary_tags         = ["canary"]
      enable_tag_override = true
      address_mode        = "host"
      address             = "web.example.com"
      task                = "server"
      on_update           = "ignore"
      provider            = "consul"
      cluster             = "default"
      kind                = "api"

      meta {
        a = "1"
      }

      canary_meta {
        a = "2"
      }

      tagged_addresses {
        lan = "10.0.0.1"
      }

      weights {
        passing = 3
        warning = 1
      }

      identity {
        aud = ["consul.io"]
        ttl = "1h"
      }

      check {
        name                     = "alive"
        type                     = "http"
        command                  = "/bin/check"
        args                     = ["-v"]
        path                     = "/health"
        protocol                 = "https"
        port                     = "http"
        expose                   = true
        address_mode             = "host"
        advertise                = "1.2.3.4"
        interval                 = "10s"
        timeout                  = "2s"
        initial_status           = "passing"
        notes                    = "notes"
        tls_server_name          = "web"
        tls_skip_verify          = true
        method                   = "POST"
        grpc_service             = "svc"
        grpc_use_tls             = true
        task                     = "server"
        success_before_passing   = 1
        failures_before_critical = 2
        failures_before_warning  = 3
        body                     = "{}"
        on_update                = "ignore_warnings"

        header {
          Accept = ["text/html"]
        }

        check_restart {
          limit           = 3
          grace           = "90s"
          ignore_warnings = true
        }
      }

      check_restart {
        limit = 5
      }

      connect {
        native = false

        sidecar_service {
          proxy {
            upstreams {
              destination_name = "db"
              local_bind_port  = 5432
            }
          }
        }

        sidecar_task {
          driver = "docker"
        }

        gateway {
          mesh {}
        }
      }
    }

    vault {
      policies = ["middle"]
    }

    task "server" {
      driver         = "docker"
      kill_signal    = "SIGINT"
      kill_timeout   = "20s"
      kind           = "connect-native:web"
      leader         = true
      shutdown_delay = "2s"
      user           = "nobody"

      config {
        image = "redis:7"
        ports = ["http"]

        mount {
          type   = "bind"
          source = "local"
        }

        mount {
          type = "tmpfs"
        }

        labels {
          team = "ops"
        }

        logging {
          type = "journald"

          config {
            tag = "${NOMAD_TASK_NAME}"
          }
        }
      }

      env {
        A = "1"
        B = 2
        C = true
      }

      meta {
        m = "v"
      }

      constraint {
        attribute = "${attr.cpu.arch}"
        value     = "amd64"
      }

      affinity {
        attribute = "${attr.driver.docker.version}"
        version   = ">= 20"
      }

      lifecycle {
        hook    = "poststart"
        sidecar = true
      }

      logs {
        max_files     = 3
        max_file_size = 5
        enabled       = true
        disabled      = false
      }

      dispatch_payload {
        file = "input"
      }

      restart {
        attempts = 1
      }

      resources {
        cpu        = 200
        cores      = 2
        memory     = 128
        memory_max = 256
        disk       = 100
        secrets    = 2
        iops       = 0

        device "nvidia/gpu" {
          count = 2

          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "2 GiB"
          }

          affinity {
            attribute = "${device.model}"
            value     = "T4"
            weight    = -20
          }
        }

        numa {
          affinity = "require"
          devices  = ["nvidia/gpu"]
        }
      }

      artifact {
        source      = "https://example.com/a.tgz"
        destination = "local/a"
        mode        = "dir"
        insecure    = true
        chown       = true

        options {
          checksum = "md5:x"
        }

        headers {
          X-Token = "t"
        }
      }

      template {
        source               = "a.tpl"
        destination          = "local/a"
        data                 = "x"
        change_mode          = "script"
        change_signal        = "SIGHUP"
        once                 = true
        splay                = "1s"
        perms                = "600"
        uid                  = 0
        gid                  = 0
        left_delimiter       = "[["
        right_delimiter      = "]]"
        env                  = true
        vault_grace          = "1m"
        error_on_missing_key = true

        change_script {
          command       = "/bin/reload"
          args          = ["-a"]
          timeout       = "10s"
          fail_on_error = true
        }

        wait {
          min = "1s"
          max = "2s"
        }
      }

      vault {
        policies               = ["inner"]
        role                   = "r"
        namespace              = "n"
        cluster                = "c"
        env                    = false
        disable_file           = true
        change_mode            = "noop"
        change_signal          = "SIGUSR1"
        allow_token_expiration = true
      }

      consul {
        cluster = "c2"
      }

      identity {
        env  = true
        file = true
      }

      identity {
        name          = "aws"
        aud           = ["sts.amazonaws.com"]
        change_mode   = "signal"
        change_signal = "SIGHUP"
        filepath      = "local/id"
        service_name  = "web"
        ttl           = "2h"

        extra_claims {
          team = "ops"
        }
      }

      secret "db" {
        provider = "vault"
        path     = "kv/db"

        config {
          engine = "kv_v2"
        }

        env {
          PGHOST = "db"
        }
      }

      action "migrate" {
        command = "/bin/migrate"
        args    = ["up"]
      }

      schedule {
        cron {
          start    = "0 9 * * *"
          end      = "0 17"
          timezone = "UTC"
        }
      }

      scaling "cpu" {
        min = 100
        max = 500
      }

      scaling "mem" {
        max = 1000
      }

      volume_mount {
        volume           = "data"
        destination      = "/data"
        read_only        = true
        propagation_mode = "private"
        selinux_label    = "Z"
      }

      csi_plugin {
        id                     = "p"
        type                   = "monolith"
        mount_dir              = "/csi"
        stage_publish_base_dir = "/local/csi"
        health_timeout         = "30s"
      }

      service {
        name = "task-service"
      }
    }
  }
}
