# A batch job for every node that has a key in its meta.
kind_definition "node_job" {
  description = "A batch job for every node that has a key in its meta"

  schema = {
    type                 = "object"
    additionalProperties = false
    required             = ["key", "job"]
    properties = {
      key = { type = "string", minLength = 1 } # of the node's meta
      job = { type = "string", minLength = 1 } # to make copies of: a parameterized one does not run itself
    }
  }
}
