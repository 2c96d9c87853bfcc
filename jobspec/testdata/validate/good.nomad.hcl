job "good" {
  group "example" {
    network {
      port "http" {
        static = 5678
      }
    }

    service {
      name     = "hello-web"
      port     = "http"
      provider = "nomad"

      check {
        type     = "http"
        path     = "/"
        interval = "2s"
        timeout  = "1s"
      }
    }

    task "server" {
      driver = "raw_exec"
    }
  }
}
