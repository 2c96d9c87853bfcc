job "names" {
  type = "batch"

  group "names" {
    network {
      dns {
        servers  = ["192.0.2.53"]
        searches = ["example.com"]
      }
    }

    task "cat" {
      driver = "raw_exec"

      config {
        command = "cat"
        args    = ["/etc/resolv.conf"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
