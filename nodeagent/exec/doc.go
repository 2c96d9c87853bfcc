// Package exec lets somebody far away use a command that runs here, over a websocket:
// what they type and how large their terminal is comes in messages of api.ExecInput,
// what the command prints and how it ended goes in those of api.ExecOutput. For as long
// as a command runs, both sides send a sign of life every ten seconds; a command whose
// user is gone is given up.
package exec
