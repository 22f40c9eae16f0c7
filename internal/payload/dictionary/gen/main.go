// Command gen makes the preset dictionary from the lists of names and the
// corpora of this repository. Run it in internal/payload/dictionary.
package main

import (
	"flag"
	"fmt"
	"os"

	"telegraf-hologram/internal/payload/dictionary/build"
)

func main() {
	out := flag.String("o", "v1.bin", "`file` to write")
	root := flag.String("root", "../../..", "`directory` of the repository")
	flag.Parse()
	sources, err := build.ReadSources(*root)
	if err == nil {
		err = os.WriteFile(*out, sources.Dictionary(""), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
