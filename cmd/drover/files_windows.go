package main

// mostFiles returns how many files a process may have open: as many as there is memory for.
func mostFiles() (uint64, error) { return 1 << 20, nil }
