# References that the node agent resolves stay as they are written.
job "runtime" {
  group "g" {
    constraint {
      attribute = "${attr.kernel.name}"
      value     = "${meta.instance_type}"
    }

    constraint {
      attribute = node.unique.name
      operator  = "!="
      value     = "a"
    }

    task "t" {
      driver = "raw_exec"
      user   = "${USER_OF_TASK}"

      config {
        command = "${NOMAD_TASK_DIR}/run"
        args = [
          "--addr=${NOMAD_ADDR_web-api}",
          "${env["HOME"]}/x",
          "${ attr.unique.hostname }",
          "$${NOMAD_ALLOC_ID}",
          "$HOME",
          "${meta.a-b}-${NOMAD_META_input}",
          "${device.model}",
        ]
      }

      env {
        WHO = "${node.datacenter}/${NOMAD_ALLOC_INDEX}"
      }
    }
  }
}
