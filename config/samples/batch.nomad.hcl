# A batch job: three instances run to their end. The first task of each prepares
# what the second one reads.
job "sum" {
  type = "batch"

  group "part" {
    count = 3

    task "prepare" {
      driver = "raw_exec"

      lifecycle {
        hook = "prestart"
      }

      config {
        command = "/bin/sh"
        args    = ["-c", "seq 1 100 > $${NOMAD_ALLOC_DIR}/data/numbers"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }

    task "add" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "t=0; while read n; do t=$((t + n)); done < $${NOMAD_ALLOC_DIR}/data/numbers; echo part $NOMAD_ALLOC_INDEX: $t"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
