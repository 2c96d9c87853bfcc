# A job that is dispatched with a text, whose words it counts:
#
#   drover job run count.nomad.hcl
#   drover job dispatch -meta label=essay count essay.txt
job "count" {
  type = "batch"

  parameterized {
    payload       = "required"
    meta_required = ["label"]
    meta_optional = ["note"]
  }

  group "count" {
    task "count" {
      driver = "raw_exec"

      dispatch_payload {
        file = "text"
      }

      config {
        command = "/bin/sh"
        args    = ["-c", "echo $NOMAD_META_label: $(wc -w < local/text) words $NOMAD_META_note"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
