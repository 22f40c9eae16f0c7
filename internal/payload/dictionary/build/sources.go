package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Sources are what a dictionary is made of, read from a checkout.
type Sources struct {
	Plugins []Schema
	Corpora map[string][]Schema // by name
}

// examples is the corpus of Telegraf's own examples. What it could teach is in
// the lists of the plugins already.
const examples = "tgreal"

// ReadSources reads the lists in internal/payload/dictionary/sources and the
// corpora in testdata/corpora below root.
func ReadSources(root string) (Sources, error) {
	s := Sources{Corpora: map[string][]Schema{}}
	lists, err := filepath.Glob(filepath.Join(root, "internal/payload/dictionary/sources/*.txt"))
	if err != nil {
		return s, fmt.Errorf("listing sources: %w", err)
	}
	for _, f := range lists {
		data, err := os.ReadFile(f)
		if err != nil {
			return s, fmt.Errorf("reading source: %w", err)
		}
		schemas, err := ParseList(string(data))
		if err != nil {
			return s, fmt.Errorf("reading source %q: %w", f, err)
		}
		s.Plugins = append(s.Plugins, schemas...)
	}
	corpora, err := filepath.Glob(filepath.Join(root, "testdata/corpora/*.lp"))
	if err != nil {
		return s, fmt.Errorf("listing corpora: %w", err)
	}
	if len(lists) == 0 || len(corpora) == 0 {
		return s, fmt.Errorf("no sources below %q", root)
	}
	for _, f := range corpora {
		name := strings.TrimSuffix(filepath.Base(f), ".lp")
		if name == examples {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			return s, fmt.Errorf("reading corpus: %w", err)
		}
		if s.Corpora[name], err = FromLineProtocol(data); err != nil {
			return s, fmt.Errorf("reading corpus %q: %w", f, err)
		}
	}
	return s, nil
}

// Dictionary makes a dictionary of all sources but the corpus named without,
// so that what is measured on that corpus was not learnt from it.
func (s Sources) Dictionary(without string) []byte {
	var corpora []Schema
	for name, schemas := range s.Corpora {
		if name != without {
			corpora = append(corpora, schemas...)
		}
	}
	return Build(s.Plugins, corpora)
}
