job "x" {
  dynamic "grup" {
    for_each = [1]
    content {}
  }

  dynamic "group" {
    for_each = [1]
    content {}
  }

  dynamic "group" {
    for_each = 5
    labels   = ["a"]
    content {}
  }

  dynamic "group" {
    for_each = [1]
    labels   = [null]
    content {}
  }

  dynamic "group" {
    for_each = [1]
    iterator = "x"
    labels   = ["a"]
    content {}
  }

  dynamic "group" {
    for_each = [1]
    labels   = ["a"]
  }

  dynamic "group" {
    labels = ["a"]
    content {}
    extra = 1
  }
}
