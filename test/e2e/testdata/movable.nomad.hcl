job "movable" {
  update {
    max_parallel     = 3
    health_check     = "task_states"
    min_healthy_time = "100ms"
  }

  migrate {
    max_parallel     = 1
    health_check     = "task_states"
    min_healthy_time = "300ms"
    healthy_deadline = "1m"
  }

  group "web" {
    count = 3

    task "app" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["100000"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
