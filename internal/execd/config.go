package execd

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/toml"
	"github.com/influxdata/toml/ast"

	"telegraf-hologram/internal/order"
)

const (
	kindOutputs = "outputs"
	kindInputs  = "inputs"

	maxConfigBytes = 1 << 20
)

// Values of Options.BufferStrategy.
const (
	BufferMemory = "memory" // records wait in memory and are lost with the process
	BufferDisk   = "disk"   // records wait in a directory
)

// Values of Options.BufferFull.
const (
	FullDropOldest = "drop_oldest" // the oldest records make room
	FullDropNewest = "drop_newest" // the records that arrive are dropped
)

// Values of Options.DataBudgetAction. Each of them warns at 80 % of the budget and at 100 %.
const (
	BudgetWarn = "warn" // nothing else happens
	BudgetSlow = "slow" // the flush interval doubles
	BudgetStop = "stop" // nothing is sent until the next month; it waits in the buffer
)

// Values of Options.DrainOrder.
const (
	DrainOldestFirst = "oldest_first" // what has waited longest goes out first
	DrainNewestFirst = "newest_first" // what has just arrived goes out first, and the past after it
)

// Options are the options of the host. They stand in the plugin's own table and are called as in Telegraf.
type Options struct {
	// MetricBatchSize is the most metrics that one Write gets, 1 to 100000.
	MetricBatchSize int `toml:"metric_batch_size"`
	// FlushInterval is how often what waits is written, at least 100 ms. A full batch does not wait for it.
	FlushInterval Duration `toml:"flush_interval"`
	// FlushJitter is the upper bound of a random time that is added to each interval.
	FlushJitter Duration `toml:"flush_jitter"`
	// RetryBackoffMin is the wait after a first failure, at least a second; it doubles with each further one.
	RetryBackoffMin Duration `toml:"retry_backoff_min"`
	// RetryBackoffMax is the longest such wait.
	RetryBackoffMax Duration `toml:"retry_backoff_max"`
	// DrainOrder says what goes out first when more waits than one batch: DrainOldestFirst or DrainNewestFirst.
	DrainOrder string `toml:"drain_order"`
	// Urgent are patterns of measurement names. What matches goes out at once and before all that waits, from a queue of
	// its own. An eighth of BufferLimit, or 64 KiB if that is more, is for that beside BufferLimit.
	Urgent []string `toml:"urgent"`
	// BufferStrategy says where records wait: BufferMemory or BufferDisk. If it is not set, BufferDirectory decides.
	BufferStrategy string `toml:"buffer_strategy"`
	// BufferDirectory is where BufferDisk keeps records. It belongs to one plugin alone.
	BufferDirectory string `toml:"buffer_directory"`
	// BufferLimit is the most that waiting records may take, at least 64 KiB.
	BufferLimit Size `toml:"buffer_limit"`
	// BufferMaxAge is how long a record may wait before it is dropped; 0 is for ever.
	BufferMaxAge Duration `toml:"buffer_max_age"`
	// BufferFull says what is dropped at BufferLimit: FullDropOldest or FullDropNewest.
	BufferFull string `toml:"buffer_full"`
	// DataBudget is the bytes that may go over the link in a calendar month (UTC), in both directions and with IP
	// headers; 0 is without end, any other at least 64 KiB.
	DataBudget Size `toml:"data_budget"`
	// DataBudgetAction says what happens at DataBudget: BudgetWarn, BudgetSlow or BudgetStop.
	DataBudgetAction string `toml:"data_budget_action"`
	// PricePerMB is what 1,000,000 bytes cost, in whatever currency; 0 is unknown.
	PricePerMB float64 `toml:"price_per_mb"`
	// SelfMetricsInterval is how often the host sends a metric about itself and the link, at least 1 s; 0 is never.
	SelfMetricsInterval Duration `toml:"self_metrics_interval"`
	// LogLevel is "error", "warn", "info" or "debug".
	LogLevel string `toml:"log_level"`
}

// DefaultOptions returns the options that hold when a configuration sets none.
func DefaultOptions() Options {
	return Options{
		MetricBatchSize:  1000,
		FlushInterval:    60e9,
		RetryBackoffMin:  30e9,
		RetryBackoffMax:  15 * 60e9,
		DrainOrder:       DrainOldestFirst,
		BufferLimit:      64 << 20,
		BufferFull:       FullDropOldest,
		DataBudgetAction: BudgetWarn,
		LogLevel:         "info",
	}
}

// validate returns the first option that is wrong.
func (o *Options) validate() *OptionError {
	const (
		maxBatch    = 100_000
		minInterval = Duration(100e6)
		minBackoff  = Duration(1e9)
		minBuffer   = Size(64 << 10)
		minBudget   = Size(64 << 10)
		minSelf     = Duration(1e9)
	)
	if o.MetricBatchSize < 1 || o.MetricBatchSize > maxBatch {
		return &OptionError{"metric_batch_size", o.MetricBatchSize, "is out of range", "1 to 100000"}
	}
	if o.FlushInterval < minInterval {
		return &OptionError{"flush_interval", o.FlushInterval.String(), "is too short", "at least " + strconv.Quote(minInterval.String())}
	}
	if o.RetryBackoffMin < minBackoff {
		return &OptionError{"retry_backoff_min", o.RetryBackoffMin.String(), "is too short", "at least " + strconv.Quote(minBackoff.String())}
	}
	if o.RetryBackoffMax < o.RetryBackoffMin {
		return &OptionError{"retry_backoff_max", o.RetryBackoffMax.String(), "is shorter than retry_backoff_min",
			"at least " + strconv.Quote(o.RetryBackoffMin.String())}
	}
	if e := oneOf("drain_order", o.DrainOrder, DrainOldestFirst, DrainNewestFirst); e != nil {
		return e
	}
	if e := CheckPatterns("urgent", o.Urgent, maxMeasurements, wantMeasurements); e != nil {
		return e
	}
	if e := o.validateBuffer(); e != nil {
		return e
	}
	if o.BufferLimit < minBuffer {
		return &OptionError{"buffer_limit", o.BufferLimit.String(), "is too small", "at least " + strconv.Quote(minBuffer.String())}
	}
	if e := oneOf("buffer_full", o.BufferFull, FullDropOldest, FullDropNewest); e != nil {
		return e
	}
	if o.DataBudget != 0 && o.DataBudget < minBudget {
		return &OptionError{"data_budget", o.DataBudget.String(), "is too small", "at least " + strconv.Quote(minBudget.String()) + ", or 0 for none"}
	}
	if e := oneOf("data_budget_action", o.DataBudgetAction, BudgetWarn, BudgetSlow, BudgetStop); e != nil {
		return e
	}
	if !validPrice(o.PricePerMB) {
		return &OptionError{"price_per_mb", o.PricePerMB, "is no price", "0 or more"}
	}
	if o.SelfMetricsInterval != 0 && o.SelfMetricsInterval < minSelf {
		return &OptionError{"self_metrics_interval", o.SelfMetricsInterval.String(), "is too short",
			"at least " + strconv.Quote(minSelf.String()) + ", or 0 for none"}
	}
	return oneOf("log_level", o.LogLevel, "error", "warn", "info", "debug")
}

func validPrice(p float64) bool { return p >= 0 && !math.IsInf(p, 0) }

// validateBuffer completes BufferStrategy and checks that it and BufferDirectory agree.
func (o *Options) validateBuffer() *OptionError {
	if o.BufferStrategy == "" {
		o.BufferStrategy = BufferMemory
		if o.BufferDirectory != "" {
			o.BufferStrategy = BufferDisk
		}
	}
	if e := oneOf("buffer_strategy", o.BufferStrategy, BufferDisk, BufferMemory); e != nil {
		return e
	}
	const want = `an absolute path such as "/var/lib/telegraf-hologram"`
	switch {
	case o.BufferStrategy == BufferDisk && o.BufferDirectory == "":
		return &OptionError{"buffer_directory", nil, `is missing beside buffer_strategy = "disk"`, want}
	case o.BufferStrategy == BufferMemory && o.BufferDirectory != "":
		return &OptionError{"buffer_directory", o.BufferDirectory, `has no use beside buffer_strategy = "memory"`, "one of the two"}
	case o.BufferDirectory != "" && !filepath.IsAbs(o.BufferDirectory):
		return &OptionError{"buffer_directory", o.BufferDirectory, "is not absolute", want}
	}
	return nil
}

func oneOf(option, value string, allowed ...string) *OptionError {
	if slices.Contains(allowed, value) {
		return nil
	}
	return &OptionError{option, value, "is unknown", "one of " + quoted(allowed)}
}

// Plugins are the plugins that a configuration may name.
type Plugins struct {
	Outputs map[string]outputs.Creator
	Inputs  map[string]inputs.Creator
}

// Registered returns the plugins that have registered with Telegraf's registries, as Telegraf's own plugins do.
func Registered() Plugins {
	return Plugins{Outputs: outputs.Outputs, Inputs: inputs.Inputs}
}

// Config is a checked configuration: one plugin, made, filled and initialised, with the host's options.
type Config struct {
	// Kind is "outputs" or "inputs".
	Kind string
	// Name is the plugin's name, such as "hologram".
	Name string
	// Source is the file that the configuration is from.
	Source string
	// Options are the host's options.
	Options Options

	output   telegraf.Output
	input    telegraf.Input
	interval Duration // between two calls of an input's Gather, 0 for none
	log      *logger
	set      []string // the options that the file sets, as "name = value", secrets hidden
}

// Load reads the configuration in the file at path for one of the registered plugins. It does no more than that: no
// network, no other files but those that the plugin's Init reads.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	case info.Size() > maxConfigBytes:
		return nil, fmt.Errorf("cannot read the configuration: %s has more than %v", path, Size(maxConfigBytes))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return Parse(data, path, Registered())
}

// Parse checks the TOML text data, which is known to the user as source, makes the one plugin that it names out of
// plugins, sets its options and its field Log, and calls its Init if it has one.
//
// ${NAME} in a string value is replaced by the environment variable NAME, which must be set; any other $ stays as it
// is. Errors name source, the line, the option, its value unless its name says that it is a secret, and what would be
// right.
func Parse(data []byte, source string, plugins Plugins) (*Config, error) {
	c := &Config{Source: source, Options: DefaultOptions()}
	if err := c.parse(data, plugins); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return c, nil
}

func (c *Config) parse(data []byte, plugins Plugins) error {
	root, err := toml.Parse(data)
	if err != nil {
		return syntaxError(data, err)
	}
	table, err := c.pluginTable(root, plugins)
	if err != nil {
		return err
	}
	if err := c.create(table, plugins); err != nil {
		return fmt.Errorf("%s.%s: %w", c.Kind, c.Name, err)
	}
	return nil
}

// pluginTable finds the one plugin of the file and sets Kind and Name.
func (c *Config) pluginTable(root *ast.Table, plugins Plugins) (*ast.Table, error) {
	var found *ast.Table
	for _, top := range entriesOf(root) {
		if top.key != kindOutputs && top.key != kindInputs {
			return nil, fmt.Errorf("line %d: %w", top.line, foreign(top, plugins))
		}
		kind, ok := top.value.(*ast.Table)
		if !ok {
			return nil, fmt.Errorf("line %d: %s stands alone; want a table such as [[%s]]", top.line, top.key, anyPlugin(plugins))
		}
		for _, e := range entriesOf(kind) {
			name := top.key + "." + e.key
			tables, ok := e.value.([]*ast.Table)
			if !ok {
				if _, ok := e.value.(*ast.Table); ok {
					return nil, fmt.Errorf("line %d: [%s] has single brackets; want [[%s]]", e.line, name, name)
				}
				return nil, fmt.Errorf("line %d: %s is an option without a plugin; want a table such as [[%s]] above it", e.line, name, anyPlugin(plugins))
			}
			if err := known(top.key, e.key, plugins); err != nil {
				return nil, fmt.Errorf("line %d: %w", e.line, err)
			}
			for _, table := range tables {
				if found != nil {
					return nil, fmt.Errorf("line %d: [[%s]] is a second plugin (the first is on line %d); want one per file, "+
						"each with an execd block of its own in telegraf.conf", table.Line, name, found.Line)
				}
				found, c.Kind, c.Name = table, top.key, e.key
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no plugin; want one of %s", strings.Join(allPlugins(plugins), ", "))
	}
	return found, nil
}

// foreign explains a table or option at the top of the file that does not belong there.
func foreign(e entry, plugins Plugins) error {
	switch e.value.(type) {
	case *ast.KeyValue:
		return fmt.Errorf("%s is an option without a plugin; want a table such as [[%s]] above it", e.key, anyPlugin(plugins))
	default:
		switch e.key {
		case "agent", "global_tags", "processors", "aggregators", "secretstores":
			return fmt.Errorf("[%s] belongs in telegraf.conf; this file is for one plugin, such as [[%s]]", e.key, anyPlugin(plugins))
		}
		return fmt.Errorf("unknown table [%s]; want one plugin, such as [[%s]]", e.key, anyPlugin(plugins))
	}
}

// known returns an error that names other plugins unless there is a plugin of that kind and name.
func known(kind, name string, plugins Plugins) error {
	if kind == kindOutputs && plugins.Outputs[name] != nil || kind == kindInputs && plugins.Inputs[name] != nil {
		return nil
	}
	if name == "execd" {
		return fmt.Errorf("[[%s.execd]] belongs in telegraf.conf; this file is for the plugin that it starts, such as [[%s]]", kind, anyPlugin(plugins))
	}
	all := allPlugins(plugins)
	if near := nearest(kind+"."+name, all); near != "" {
		return fmt.Errorf("unknown plugin [[%s.%s]]; did you mean %s?", kind, name, near)
	}
	return fmt.Errorf("unknown plugin [[%s.%s]]; want one of %s", kind, name, strings.Join(all, ", "))
}

func allPlugins(plugins Plugins) []string {
	var all []string
	for name := range plugins.Inputs {
		all = append(all, "[["+kindInputs+"."+name+"]]")
	}
	for name := range plugins.Outputs {
		all = append(all, "[["+kindOutputs+"."+name+"]]")
	}
	order.Strings(all)
	return all
}

// anyPlugin is an example for an error text: the first output, else the first input.
func anyPlugin(plugins Plugins) string {
	for _, name := range sortedKeys(plugins.Outputs) {
		return kindOutputs + "." + name
	}
	for _, name := range sortedKeys(plugins.Inputs) {
		return kindInputs + "." + name
	}
	return "outputs.NAME"
}

// create makes the plugin and fills it and the host's options from the table.
func (c *Config) create(table *ast.Table, plugins Plugins) error {
	var plugin any
	var targets []any
	in, gather := inputOptions{LogLevel: c.Options.LogLevel}, gatherOptions{}
	switch c.Kind {
	case kindOutputs:
		c.output = plugins.Outputs[c.Name]()
		if p, ok := c.output.(Defaulter); ok {
			p.DefaultOptions(&c.Options)
		}
		plugin, targets = c.output, []any{&c.Options, c.output}
	default:
		c.input = plugins.Inputs[c.Name]()
		plugin, targets = c.input, []any{&in, c.input}
		if _, ok := c.input.(telegraf.ServiceInput); !ok {
			gather.Interval = defaultInterval
			targets = []any{&in, &gather, c.input}
		}
	}
	dec := newDecoder(c.Kind+"."+c.Name, targets...)
	if err := dec.decode(table); err != nil {
		return err
	}
	c.set = dec.set
	if c.Kind == kindInputs {
		if e := gather.validate(); e != nil {
			return dec.locate(e)
		}
		c.interval, c.Options.LogLevel = gather.Interval, in.LogLevel
	}
	if e := c.Options.validate(); e != nil {
		return dec.locate(e)
	}
	c.log = newLogger(c.Kind, telegraf.LogLevelFromString(c.Options.LogLevel))
	setLogger(plugin, c.log)
	if p, ok := plugin.(telegraf.Initializer); ok {
		if err := p.Init(); err != nil {
			return dec.locate(err)
		}
	}
	if p, ok := plugin.(DirectoryUser); ok && c.Kind == kindOutputs {
		if err := p.UseDirectory(c.Options.BufferDirectory); err != nil {
			return dec.locate(err)
		}
	}
	return nil
}

// Input is the plugin if it is an input, nil if it is an output.
func (c *Config) Input() telegraf.Input { return c.input }

// Describe tells a person in a few lines what Run would do with this configuration. Secrets are hidden.
func (c *Config) Describe() string {
	var b strings.Builder
	o := c.Options
	fmt.Fprintf(&b, "%s.%s, configured in %s\n", c.Kind, c.Name, c.Source)
	if c.Kind == kindOutputs {
		jitter := ""
		if o.FlushJitter > 0 {
			jitter = fmt.Sprintf(" and up to %v", o.FlushJitter)
		}
		fmt.Fprintf(&b, "  writes      every %v%s, or as soon as %s wait\n", o.FlushInterval, jitter, plural(o.MetricBatchSize, "metric"))
		age := ""
		if o.BufferMaxAge > 0 {
			age = fmt.Sprintf(", each for up to %v", o.BufferMaxAge)
		}
		where := "in memory"
		if o.BufferStrategy == BufferDisk {
			where = "in " + o.BufferDirectory
		}
		fmt.Fprintf(&b, "  buffer      %s, up to %v%s; when full: %s\n", where, o.BufferLimit, age, o.BufferFull)
		if first := c.priorities(); !first.none() {
			_, urgent := o.limits()
			fmt.Fprintf(&b, "  urgent      up to %v beside that, sent before the rest\n", Size(urgent.Bytes))
		}
		if o.BufferStrategy == BufferMemory {
			b.WriteString("              what waits there is lost when the process is killed or the power is cut\n")
		}
		fmt.Fprintf(&b, "  retries     after %v, doubling up to %v; then %s\n", o.RetryBackoffMin, o.RetryBackoffMax, o.DrainOrder)
		if w, _, after := c.fallback(); w != nil {
			fmt.Fprintf(&b, "  fallback    when the link has been down for %v\n", Duration(after))
		}
		if o.DataBudget > 0 {
			fmt.Fprintf(&b, "  budget      %v a month; when used up: %s\n", o.DataBudget, o.DataBudgetAction)
		}
	}
	if c.interval > 0 {
		fmt.Fprintf(&b, "  gathers     every %v\n", c.interval)
	}
	fmt.Fprintf(&b, "  log level   %s\n", o.LogLevel)
	for i, s := range c.set {
		label := ""
		if i == 0 {
			label = "set"
		}
		fmt.Fprintf(&b, "  %-11s %s\n", label, s)
	}
	for _, w := range c.log.warnings() {
		fmt.Fprintf(&b, "  warning     %s\n", w)
	}
	return b.String()
}

// syntaxError explains an error of the TOML parser.
func syntaxError(data []byte, err error) error {
	var le *toml.LineError
	if !errors.As(err, &le) {
		return fmt.Errorf("cannot read TOML: %w", err)
	}
	text := le.Err.Error()
	if key, rest, ok := strings.Cut(strings.TrimPrefix(text, "key `"), "' is in conflict with "); ok {
		where := strings.TrimPrefix(rest, "table in ")
		return fmt.Errorf("line %d: %s is already set on %s; want it once", le.Line, key, where)
	}
	// The line itself is not shown: it may hold a secret, of which the quotes were forgotten.
	what := "this is not TOML"
	lines := strings.Split(string(data), "\n")
	for n := max(1, le.Line-1); n <= min(le.Line, len(lines)); n++ {
		text, _, _ := strings.Cut(lines[n-1], "#")
		if strings.Count(text, `"`)%2 != 0 && !strings.Contains(text, `"""`) {
			return fmt.Errorf("line %d: a quote is missing", n)
		}
	}
	if le.Line >= 1 && le.Line <= len(lines) {
		if key, value, ok := strings.Cut(lines[le.Line-1], "="); ok && bareKey(strings.TrimSpace(key)) {
			what = "the value of " + strings.TrimSpace(key) + " is not TOML"
			if value = strings.TrimSpace(value); value != "" && !strings.ContainsAny(value[:1], "\"'[{") {
				return fmt.Errorf("line %d: %s; want strings in quotes", le.Line, what)
			}
		}
	}
	return fmt.Errorf("line %d: %s; look for a quote or bracket that is missing here or above", le.Line, what)
}

func bareKey(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return false
		}
	}
	return s != ""
}
