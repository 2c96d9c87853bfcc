job "x" {
  group "g" {
    count = 
  }
  meta { a = "b" c = "d" }
}
