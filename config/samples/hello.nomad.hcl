# A service: runs until it is stopped, is restarted when it fails, and is rolled out
# one instance at a time.
job "hello" {
  group "greeter" {
    count = 2

    update {
      max_parallel     = 1
      min_healthy_time = "1s"
      healthy_deadline = "1m"
    }

    task "greet" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOT
          trap 'echo "$NOMAD_ALLOC_NAME says goodbye"; exit 0' TERM INT
          n=0
          while true; do
            n=$((n + 1))
            echo "hello $n from $NOMAD_ALLOC_NAME"
            sleep 1 & wait $!
          done
        EOT
        ]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
