// Command gen makes the preset dictionary from the lists of names and the
// corpora of this repository. Run it in internal/payload/dictionary.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"telegraf-hologram/internal/payload/deflate"
	"telegraf-hologram/internal/payload/dictionary/build"
)

func main() {
	out := flag.String("o", "v1.bin", "`file` to write")
	small := flag.String("deflate", "v1.deflate", "`file` to write compressed")
	root := flag.String("root", "../../..", "`directory` of the repository")
	flag.Parse()
	sources, err := build.ReadSources(*root)
	if err == nil {
		text := sources.Dictionary("")
		err = errors.Join(
			os.WriteFile(*out, text, 0o600),
			os.WriteFile(*small, new(deflate.Encoder).Append(nil, text, deflate.NewDictionary(nil)), 0o600))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
