package hologram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/event"
	"telegraf-hologram/internal/execd"
)

// Limits of the options.
const (
	minBody        = execd.Size(1 << 10)
	maxBody        = execd.Size(16 << 20)
	maxRate        = 1_000_000
	maxMaxConns    = 100_000
	minAnswer      = execd.Duration(100 * time.Millisecond)
	maxAnswer      = execd.Duration(2 * time.Minute)
	minPull        = execd.Duration(time.Second)
	maxPullStart   = execd.Duration(366 * 24 * time.Hour) // the cloud keeps messages for a year
	maxPullOverlap = execd.Duration(24 * time.Hour)
	maxPullLimit   = 1000
	minBuffer      = execd.Size(1 << 20)
	minDevice      = execd.Duration(time.Second)
	minSecret      = 8
	maxSecret      = 1024
	maxList        = 256
)

// defaultHeader is the header that has the secret.
const defaultHeader = "X-Hologram-Secret"

// Values of json_encoding.
const (
	encodingBase64 = "base64"
	encodingText   = "text"
)

// Init checks the options. It opens nothing and reads no file.
func (h *Hologram) Init() error {
	if h.ServiceAddress == "" && h.APIKeyFile == "" {
		return &execd.OptionError{
			Option: "service_address", Problem: "is missing, and api_key_file as well",
			Want: `an address such as ":8080" for webhooks, or api_key_file to fetch messages, or both`,
		}
	}
	for _, check := range []func() error{h.checkServer, h.checkSecret, h.checkSources, h.checkTemplate, h.checkPull, h.checkMetrics, h.checkStore} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkServer checks the options of the HTTP server.
func (h *Hologram) checkServer() error {
	if h.ServiceAddress != "" {
		_, port, err := net.SplitHostPort(h.ServiceAddress)
		if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n > 65535 {
			return &execd.OptionError{Option: "service_address", Value: h.ServiceAddress, Problem: "is no address", Want: `one such as ":8080" or "127.0.0.1:8080"`}
		}
	}
	if !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, "?# ") {
		return &execd.OptionError{Option: "path", Value: h.Path, Problem: "is no path", Want: `one such as "/hologram"`}
	}
	if len(h.Methods) == 0 {
		return &execd.OptionError{Option: "methods", Problem: "is empty", Want: `"POST", "PUT" or both`}
	}
	for _, m := range h.Methods {
		if m != "POST" && m != "PUT" && m != "PATCH" {
			return &execd.OptionError{Option: "methods", Value: m, Problem: "has one without a body", Want: `"POST", "PUT" or "PATCH"`}
		}
	}
	if (h.TLSCert == "") != (h.TLSKey == "") {
		missing, other := "tls_key", "tls_cert"
		if h.TLSCert == "" {
			missing, other = other, missing
		}
		return &execd.OptionError{Option: missing, Problem: "is missing beside " + other, Want: "both, or neither"}
	}
	if h.BodyLimit < minBody || h.BodyLimit > maxBody {
		return &execd.OptionError{Option: "body_limit", Value: h.BodyLimit.String(), Problem: "is out of range", Want: `"1KiB" to "16MiB"`}
	}
	if h.RateLimit < 0 || h.RateLimit > maxRate {
		return &execd.OptionError{Option: "rate_limit", Value: h.RateLimit, Problem: "is out of range", Want: "requests a second from one address, 1 to 1000000, or 0 for any number"}
	}
	if h.MaxConnections < 1 || h.MaxConnections > maxMaxConns {
		return &execd.OptionError{Option: "max_connections", Value: h.MaxConnections, Problem: "is out of range", Want: "1 to 100000"}
	}
	if h.AnswerTimeout < minAnswer || h.AnswerTimeout > maxAnswer {
		return &execd.OptionError{Option: "answer_timeout", Value: h.AnswerTimeout.String(), Problem: "is out of range", Want: `"100ms" to "2m"`}
	}
	return nil
}

// checkSecret checks how webhooks show that they are the user's.
func (h *Hologram) checkSecret() error {
	switch {
	case h.ServiceAddress == "":
		return nil
	case h.Secret != "" && h.SecretFile != "":
		return &execd.OptionError{Option: "secret_file", Value: h.SecretFile, Problem: "is given together with secret", Want: "one of the two"}
	case h.Secret == "" && h.SecretFile == "" && !h.AllowUnauthenticated:
		return &execd.OptionError{
			Option: "secret_file", Problem: "is missing: without it anyone who reaches the port can write metrics",
			Want: "a file with the secret, or allow_unauthenticated = true",
		}
	case (h.Secret != "" || h.SecretFile != "") && h.AllowUnauthenticated:
		return &execd.OptionError{Option: "allow_unauthenticated", Value: true, Problem: "is given together with a secret", Want: "one of the two"}
	case h.SecretHeader == "" || strings.Trim(h.SecretHeader, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "":
		return &execd.OptionError{Option: "secret_header", Value: h.SecretHeader, Problem: "is no name of a header", Want: `one such as "X-Hologram-Secret"`}
	}
	if h.Secret != "" {
		if err := checkSecretText(h.Secret); err != nil {
			return &execd.OptionError{Option: "secret", Value: h.Secret, Problem: err.Error(), Want: "8 to 1024 characters"}
		}
	}
	return nil
}

// checkSecretText says what is wrong with a secret, without telling it.
func checkSecretText(secret string) error {
	switch {
	case len(secret) < minSecret:
		return errors.New("is too short")
	case len(secret) > maxSecret:
		return errors.New("is too long")
	case strings.ContainsFunc(secret, func(r rune) bool { return r < '!' || r > '~' }):
		return errors.New("has a character that no header may have")
	}
	return nil
}

// checkSources checks and keeps the lists of addresses.
func (h *Hologram) checkSources() (err error) {
	if h.allowed, err = prefixes("allowed_cidrs", h.AllowedCIDRs); err != nil {
		return err
	}
	h.proxies, err = prefixes("trusted_proxies", h.TrustedProxies)
	return err
}

// prefixes reads a list of networks; an address is one of its own.
func prefixes(option string, list []string) ([]netip.Prefix, error) {
	if len(list) > maxList {
		return nil, &execd.OptionError{Option: option, Problem: fmt.Sprintf("has %d networks", len(list)), Want: fmt.Sprintf("%d at most", maxList)}
	}
	var all []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(s); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			return nil, &execd.OptionError{Option: option, Value: s, Problem: "is no network", Want: `one such as "192.0.2.0/24" or "2001:db8::/32"`}
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// checkTemplate checks the options for a template of the user's own.
func (h *Hologram) checkTemplate() error {
	for _, o := range h.templatePaths() {
		if o.path == "" {
			continue
		}
		if _, err := parsePath(o.path); err != nil {
			return &execd.OptionError{Option: o.option, Value: o.path, Problem: err.Error(), Want: `names with dots between them, such as "message.data" or "list.0.data"`}
		}
		if h.JSONData == "" {
			return &execd.OptionError{Option: o.option, Value: o.path, Problem: "has no use without json_data", Want: "both, or neither"}
		}
	}
	return oneOf("json_encoding", h.JSONEncoding, encodingBase64, encodingText)
}

type templatePath struct{ option, path string }

func (h *Hologram) templatePaths() []templatePath {
	return []templatePath{
		{"json_data", h.JSONData},
		{"json_device_id", h.JSONDeviceID},
		{"json_device_name", h.JSONDeviceName},
		{"json_received", h.JSONReceived},
		{"json_tags", h.JSONTags},
		{"json_record_id", h.JSONRecordID},
	}
}

// checkPull checks the options of the REST API.
func (h *Hologram) checkPull() error {
	u, err := url.Parse(h.APIURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &execd.OptionError{Option: "api_url", Value: h.APIURL, Problem: "is no address of the REST API", Want: `one such as "https://dashboard.hologram.io/api/1/csr/data"`}
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return &execd.OptionError{Option: "api_url", Value: h.APIURL, Problem: "would show the key to the network", Want: "https, or http to this machine"}
	}
	if h.PullInterval < minPull {
		return &execd.OptionError{Option: "pull_interval", Value: h.PullInterval.String(), Problem: "is too short", Want: `at least "1s"`}
	}
	if h.PullStart > maxPullStart {
		return &execd.OptionError{Option: "pull_start", Value: h.PullStart.String(), Problem: "is too long", Want: `up to "366d"`}
	}
	if h.PullOverlap > maxPullOverlap {
		return &execd.OptionError{Option: "pull_overlap", Value: h.PullOverlap.String(), Problem: "is too long", Want: `up to "1d"`}
	}
	if h.PullLimit < 1 || h.PullLimit > maxPullLimit {
		return &execd.OptionError{Option: "pull_limit", Value: h.PullLimit, Problem: "is out of range", Want: "1 to 1000"}
	}
	if !digits(h.PullOrganization) {
		return &execd.OptionError{Option: "pull_organization", Value: h.PullOrganization, Problem: "is no number", Want: "the number of an organization"}
	}
	if len(h.PullDevices) > maxList || len(h.PullTopics) > maxList {
		return &execd.OptionError{Option: "pull_devices", Problem: "or pull_topics has too many", Want: fmt.Sprintf("%d at most", maxList)}
	}
	for _, d := range h.PullDevices {
		if d == "" || !digits(d) {
			return &execd.OptionError{Option: "pull_devices", Value: d, Problem: "is no number", Want: `numbers of devices in quotes, such as "12345"`}
		}
	}
	if slices.ContainsFunc(h.PullTopics, func(t string) bool { return t == "" || strings.ContainsAny(t, ", ") }) {
		return &execd.OptionError{Option: "pull_topics", Problem: "has one that is no topic", Want: "topics without commas and space"}
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func digits(s string) bool { return len(s) <= 20 && strings.Trim(s, "0123456789") == "" }

// checkMetrics checks what becomes of messages.
func (h *Hologram) checkMetrics() error {
	if h.Measurement == "" {
		return &execd.OptionError{Option: "measurement", Value: h.Measurement, Problem: "is empty", Want: `a name such as "` + event.DefaultMeasurement + `"`}
	}
	const want = `names of fields, in which * stands for any text, ? for one character and [0-9] for one of a range`
	if err := execd.CheckPatterns("json_string_fields", h.JSONStringFields, maxList, want); err != nil {
		return err
	}
	if err := execd.CheckPatterns("tag_keys", h.TagKeys, maxList, want); err != nil {
		return err
	}
	switch {
	case h.JSONTimeKey != "" && h.JSONTimeFormat == "":
		return &execd.OptionError{Option: "json_time_format", Problem: "is missing beside json_time_key", Want: `"unix", "unix_ms", "unix_us", "unix_ns" or a Go layout`}
	case h.JSONTimeKey == "" && h.JSONTimeFormat != "":
		return &execd.OptionError{Option: "json_time_format", Value: h.JSONTimeFormat, Problem: "has no use without json_time_key", Want: "both, or neither"}
	case h.JSONTimeFormat != "" && !event.CheckTimeFormat(h.JSONTimeFormat):
		return &execd.OptionError{
			Option: "json_time_format", Value: h.JSONTimeFormat, Problem: "is no format of times",
			Want: `"unix", "unix_ms", "unix_us", "unix_ns" or a Go layout such as "2006-01-02T15:04:05Z07:00"`,
		}
	}
	return nil
}

// checkStore checks where messages are kept, and how often devices are reported.
func (h *Hologram) checkStore() error {
	if h.BufferDirectory != "" && !filepath.IsAbs(h.BufferDirectory) {
		return &execd.OptionError{Option: "buffer_directory", Value: h.BufferDirectory, Problem: "is not absolute", Want: `an absolute path such as "/var/lib/telegraf-hologram/in"`}
	}
	if h.BufferLimit < minBuffer {
		return &execd.OptionError{Option: "buffer_limit", Value: h.BufferLimit.String(), Problem: "is too small", Want: `at least "1MiB"`}
	}
	if h.DeviceInterval != 0 && h.DeviceInterval < minDevice {
		return &execd.OptionError{Option: "device_interval", Value: h.DeviceInterval.String(), Problem: "is too short", Want: `at least "1s", or "0s" for never`}
	}
	return nil
}

// oneOf checks an option that is an enumeration.
func oneOf(option, value string, valid ...string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	return &execd.OptionError{Option: option, Value: value, Problem: "is unknown", Want: `one of "` + strings.Join(valid, `", "`) + `"`}
}
