{
  "Job": {
    "ID": "x",
    "Priority": "high"
  }
}
