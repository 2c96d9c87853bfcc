variable "node" {
  type = string
}

# A service that leaves a line in both places that its successors may take over, and shows what it
# found there.
job "keep" {
  update {
    health_check     = "task_states"
    min_healthy_time = "100ms"
  }

  group "g" {
    ephemeral_disk {
      size    = 100
      migrate = true
    }

    constraint {
      attribute = "${node.unique.name}"
      value     = var.node
    }

    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "cat local/seen ../alloc/data/seen; echo ${node.unique.name} | tee -a local/seen >> ../alloc/data/seen; exec sleep 1000"]
      }

      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
