// Package build makes the preset dictionary from lists of names. It is for the
// program that makes it and for measuring it, and in no product.
package build

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limit is the size of the window of DEFLATE, of which a dictionary can use all.
const Limit = 32 << 10

// Schema is a measurement with its tag keys and field names.
type Schema struct {
	Plugin string // of Telegraf; "" for a corpus
	Name   string
	Tags   []string
	Fields []string
}

// ParseList reads lines of the form plugin|name|tag,tag|field,field.
func ParseList(text string) ([]Schema, error) {
	var all []Schema
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		parts := strings.Split(line, "|")
		if len(parts) != 4 {
			return nil, fmt.Errorf("line %d has %d parts, want 4", i+1, len(parts))
		}
		all = append(all, Schema{Plugin: parts[0], Name: parts[1], Tags: list(parts[2]), Fields: list(parts[3])})
	}
	return all, nil
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// common are the plugins that devices at the edge run most, the commonest last,
// where references are shortest.
var common = strings.Fields(`
	kube_inventory ecs azure_monitor cloudwatch elasticsearch prometheus rabbitmq mongodb nats haproxy
	phpfpm tomcat zookeeper nvidia_smi ipmi_sensor redfish monit iptables infiniband bond wireguard
	apcupsd upsd x509_cert dns_query http_response net_response openweathermap hddtemp mdstat smart smartctl
	systemd_units supervisor fail2ban interrupts linux_sysctl_fs conntrack nstat dovecot
	postgresql redis mysql docker nginx procstat
	snmp opcua mqtt_consumer sensors ping wireless internal modbus temp netstat kernel processes swap system net
	diskio disk mem cpu`)

// Build makes a dictionary: names that only rare plugins use far in front, then
// the measurements of common plugins and of the corpora, in the form in which a
// payload writes them. Sources may come in any order; the result does not
// depend on it.
func Build(plugins, corpora []Schema) []byte {
	rank := map[string]int{}
	for i, p := range common {
		rank[p] = i + 1
	}
	plugins = slices.Clone(plugins)
	order := func(a, b Schema) int {
		return cmp.Or(
			-cmp.Compare(rank[a.Plugin], rank[b.Plugin]),
			cmp.Compare(a.Plugin, b.Plugin),
			cmp.Compare(a.Name, b.Name),
			slices.Compare(a.Fields, b.Fields),
			slices.Compare(a.Tags, b.Tags),
		)
	}
	slices.SortFunc(plugins, order)
	corpora = slices.Clone(corpora)
	slices.SortFunc(corpora, order)

	// From the back, which is what is wanted most.
	var parts [][]byte
	size := 0
	add := func(part []byte) {
		if size+len(part) <= Limit {
			parts = append(parts, part)
			size += len(part)
		}
	}
	have := func(word string) bool {
		for _, p := range parts {
			if bytes.Contains(p, []byte(word)) {
				return true
			}
		}
		return false
	}
	for _, s := range plugins {
		if rank[s.Plugin] > len(common)-16 {
			add(s.text())
		}
	}
	for _, s := range corpora {
		add(s.text())
	}
	for _, s := range plugins {
		if rank[s.Plugin] > 0 && rank[s.Plugin] <= len(common)-16 {
			add(s.text())
		}
	}
	// Of the others only what is new, the most frequent first.
	uses := map[string]int{}
	for _, s := range plugins {
		for _, w := range slices.Concat([]string{s.Name}, s.Tags, s.Fields) {
			uses[w]++
		}
	}
	words := make([]string, 0, len(uses))
	for w := range uses {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(-cmp.Compare(uses[a], uses[b]), cmp.Compare(a, b))
	})
	for _, w := range words {
		if len(w) >= 4 && !have(w) {
			add(append([]byte(w), 0))
		}
	}
	slices.Reverse(parts)
	return slices.Concat(parts...)
}

// text is the schema as a payload writes it.
func (s Schema) text() []byte {
	var b []byte
	b = append(append(b, s.Name...), 0)
	tags := s.Tags
	if s.Plugin != "" && !slices.Contains(tags, "host") {
		tags = append(slices.Clone(tags), "host")
		slices.Sort(tags)
	}
	for _, t := range tags {
		b = append(append(b, t...), 0)
	}
	b = append(b, 0)
	for _, f := range s.Fields {
		b = append(append(b, f...), 0)
	}
	return append(b, 0)
}
