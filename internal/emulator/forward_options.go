package emulator

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxOptionFile bounds the files of options, which are a few lines.
const maxOptionFile = maxTemplateSize

// ForwardOptions are the command line options of what the cloud hands out that
// are not in [Config]: files, and what has to be taken apart.
type ForwardOptions struct {
	// TemplateFile holds the template of webhooks.
	TemplateFile string
	// Headers are the headers of webhooks, each "Name: value". They are secret.
	Headers []string
	// HeaderFile holds more of them, one a line.
	HeaderFile string
	// KeyFile holds the key of webhooks in its first line.
	KeyFile string
	// APIKeyFile holds the key of the API in its first line.
	APIKeyFile string
	// APILoad is a log file of an earlier run, whose messages the API lists.
	APILoad string
}

// secretText is one secret option. As secretList it never fails and shows
// nothing.
type secretText struct{ text *string }

func (secretText) String() string { return "" }

func (s secretText) Set(text string) error {
	*s.text = text
	return nil
}

// shapeFlag is the shape of webhooks.
type shapeFlag struct{ shape *Shape }

func (f shapeFlag) String() string {
	if f.shape == nil {
		return ""
	}
	return f.shape.String()
}

func (f shapeFlag) Set(text string) (err error) {
	*f.shape, err = ParseShape(text)
	return err
}

// faultFlag collects the faults of an option that may be repeated.
type faultFlag[F fmt.Stringer] struct {
	faults *F
	parse  func(string) (F, error)
}

func (l faultFlag[F]) String() string {
	if l.faults == nil {
		return ""
	}
	return (*l.faults).String()
}

func (l faultFlag[F]) Set(s string) error {
	if old := l.String(); old != "" && s != "" {
		s = old + "," + s
	}
	faults, err := l.parse(s)
	if err != nil {
		return err
	}
	*l.faults = faults
	return nil
}

// forwardFlags defines the options of webhooks and of the API on fs.
func forwardFlags(fs *flag.FlagSet, cfg *Config, o *ForwardOptions) {
	w, a := &cfg.Webhooks, &cfg.API
	fs.Var(secretList{&w.URLs}, "webhook", "pass on what is taken to `URL`; repeatable")
	fs.Var(shapeFlag{&w.Shape}, "webhook-shape", "`SHAPE` of the webhooks: "+strings.Join(shapeNames(), ", "))
	fs.StringVar(&o.TemplateFile, "webhook-template", "", "body of the webhooks is the template in `FILE` (-webhook-shape template)")
	fs.Var(secretList{&o.Headers}, "webhook-header", "`\"NAME: VALUE\"` of a header of the webhooks; repeatable")
	fs.StringVar(&o.HeaderFile, "webhook-header-file", "", "headers of the webhooks in `FILE`, one a line")
	fs.Var(secretText{&w.Key}, "webhook-key", "`KEY` of the webhooks in shape form")
	fs.StringVar(&o.KeyFile, "webhook-key-file", "", "key of the webhooks in the first line of `FILE`")
	fs.BoolVar(&w.RecordID, "webhook-record-id", false, "webhooks have record_id, which is not documented for them")
	fs.IntVar(&w.Retries, "webhook-retries", 0, "how often a webhook is repeated that was not answered, or with 408, 429 or 5xx")
	fs.DurationVar(&w.RetryWait, "webhook-retry-wait", DefaultWebhookRetryWait, "wait before the first retry; it doubles with each")
	fs.DurationVar(&w.Timeout, "webhook-timeout", DefaultWebhookTimeout, "how long a webhook may take")
	fs.IntVar(&w.Workers, "webhook-workers", 1, "how many webhooks are sent to one URL at a time; with 1 they are in order")
	fs.IntVar(&w.MaxQueued, "webhook-queue", DefaultWebhookQueue, "how many webhooks may wait for one URL; above, new ones are dropped")
	fs.Var(faultFlag[WebhookFaults]{&w.Faults, ParseWebhookFaults}, "webhook-fail", "what happens to webhooks, as `MODE[=DURATION][:N|:P%]`, a comma-separated list; modes: "+strings.Join(WebhookModes(), ", "))

	fs.StringVar(&a.Address, "api", "", "list what was taken on `HOST:PORT`, as GET /api/1/csr/data does; port 0 is any free one")
	fs.Var(secretText{&a.Key}, "api-key", "accept this API `KEY` only")
	fs.StringVar(&o.APIKeyFile, "api-key-file", "", "accept the API key in the first line of `FILE` only")
	fs.IntVar(&a.MaxItems, "api-items", DefaultAPIItems, "`NUMBER` of messages that the API lists")
	fs.StringVar(&o.APILoad, "api-load", "", "the API lists the messages in `FILE` too, which an earlier run wrote with -log")
	fs.Var(faultFlag[APIFaults]{&a.Faults, ParseAPIFaults}, "api-fail", "fail requests to the API as `MODE[=DURATION][:N|:P%]`, a comma-separated list; modes: "+strings.Join(APIModes(), ", "))
}

// check says which options do not go together.
func (o *ForwardOptions) check(cfg *Config) error {
	switch {
	case len(cfg.Webhooks.URLs) == 0 && (o.TemplateFile != "" || o.Headers != nil || o.HeaderFile != "" || o.KeyFile != ""):
		return errors.New("the options of webhooks have no meaning without -webhook")
	case cfg.API.Address == "" && (o.APIKeyFile != "" || o.APILoad != ""):
		return errors.New("the options of the API have no meaning without -api")
	case cfg.Webhooks.Key != "" && o.KeyFile != "":
		return errors.New("-webhook-key and -webhook-key-file are both given")
	case cfg.API.Key != "" && o.APIKeyFile != "":
		return errors.New("-api-key and -api-key-file are both given")
	case cfg.Webhooks.Shape == ShapeTemplate && o.TemplateFile == "":
		return errors.New("-webhook-shape template needs -webhook-template")
	}
	return nil
}

// read reads the files and completes the config with them.
func (o *ForwardOptions) read(cfg *Config) (err error) {
	w := &cfg.Webhooks
	if o.TemplateFile != "" {
		text, err := readOption(o.TemplateFile, "template of webhooks")
		if err != nil {
			return err
		}
		// The line end that editors add is not meant.
		w.Template = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		if w.Template == "" {
			return fmt.Errorf("template of webhooks %q is empty", o.TemplateFile)
		}
	}
	if err := o.readHeaders(w); err != nil {
		return err
	}
	if o.KeyFile != "" {
		if w.Key, err = readSecret(o.KeyFile, "key of webhooks"); err != nil {
			return err
		}
	}
	if o.APIKeyFile != "" {
		cfg.API.Key, err = readSecret(o.APIKeyFile, "API key")
	}
	return err
}

func (o *ForwardOptions) readHeaders(w *WebhookConfig) error {
	for i, line := range o.Headers {
		if err := addHeader(w, line); err != nil {
			return fmt.Errorf("-webhook-header %d: %w", i+1, err)
		}
	}
	if o.HeaderFile == "" {
		return nil
	}
	text, err := readOption(o.HeaderFile, "headers of webhooks")
	if err != nil {
		return err
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := addHeader(w, string(line)); err != nil {
			return fmt.Errorf("line %d of the headers of webhooks %q: %w", number, o.HeaderFile, err)
		}
	}
	return nil
}

func addHeader(w *WebhookConfig, line string) error {
	name, value, err := ParseHeader(line)
	if err != nil {
		return err
	}
	if w.Header == nil {
		w.Header = make(http.Header)
	}
	w.Header.Add(name, value)
	return nil
}

// readOption reads a whole file, within bounds.
func readOption(path, what string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", what, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxOptionFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the %s: %w", what, err)
	case len(text) > maxOptionFile:
		return nil, fmt.Errorf("cannot read the %s: %q has more than %d bytes", what, path, maxOptionFile)
	}
	return text, nil
}

// readSecret reads the first line of a file.
func readSecret(path, what string) (string, error) {
	text, err := readOption(path, what)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("cannot read the %s: the first line of %q is empty", what, path)
	}
	return line, nil
}

// load fills the API's list from the log of an earlier run.
func (o *ForwardOptions) load(s *Server, stderr io.Writer) error {
	if o.APILoad == "" {
		return nil
	}
	file, err := os.Open(o.APILoad)
	if err != nil {
		return fmt.Errorf("cannot read the messages for the API: %w", err)
	}
	defer func() { _ = file.Close() }()
	loaded, skipped, err := s.LoadLog(file)
	if err != nil {
		return fmt.Errorf("cannot read the messages for the API in %q: %w", o.APILoad, err)
	}
	if skipped > 0 {
		_, _ = fmt.Fprintf(stderr, "%s of %q cannot be read; the API lists the other %s\n", plural(int64(skipped), "line"), o.APILoad, plural(int64(loaded), "message"))
	}
	return nil
}

// announce says in lines of their own where the API is and what is passed on.
func (s *Server) announce(stderr io.Writer) {
	if address := s.APIAddr(); address != nil {
		faults := s.cfg.API.Faults.faults
		_, _ = fmt.Fprintf(stderr, "API on http://%s/api/1/csr/data%s\n", address, s.failing(faults.String(), faults.random()))
	}
	if n := len(s.cfg.Webhooks.URLs); n > 0 {
		faults := s.cfg.Webhooks.Faults
		_, _ = fmt.Fprintf(stderr, "passing on to %s in shape %s%s\n", plural(int64(n), "webhook"), s.cfg.Webhooks.Shape, s.failing(faults.String(), faults.random()))
	}
}

// failing says how something fails, and with which seed if that is needed.
func (s *Server) failing(faults string, random bool) string {
	switch {
	case faults == "":
		return ""
	case random:
		return fmt.Sprintf(", failing with %s (seed %d)", faults, s.cfg.Seed)
	}
	return ", failing with " + faults
}

// String returns one line for a terminal about an attempt that failed.
func (d Delivery) String() string {
	text := fmt.Sprintf("%s  webhook %d   ", time.Now().Format("15:04:05.000"), d.Webhook)
	switch {
	case d.Err == nil:
		return text + fmt.Sprintf("answered %d", d.Status)
	case d.Attempt == 0:
		return text + "dropped: " + clean(d.Err.Error(), 120)
	case d.Final:
		return text + "failed: " + clean(d.Err.Error(), 120)
	}
	return text + "to be repeated: " + clean(d.Err.Error(), 120)
}
