// Command sallyport is the gateway, its services and its client, in one binary.
package main

import (
	"os"

	"sallyport/cmd/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], cli.Standard())) }
