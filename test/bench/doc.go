// Command bench measures the design's budgets against the built binaries and prints
// a table with the budgets beside. It exits with 1 when a row that is required
// misses its "must".
//
//	make bench                       # all rows that take seconds
//	make bench BENCH='-run dev'      # rows whose name contains dev
//	make bench BENCH='-run "restart 1M"'   # a row that takes minutes
//	make bench BENCH='-address http://10.0.0.1:4646 -sessions 10.0.0.1:4647 -run placed'
//
// With -address the load goes to servers that are already there.
package main
