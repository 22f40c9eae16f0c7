module telegraf-hologram

go 1.26.0

require (
	github.com/influxdata/line-protocol/v2 v2.2.1
	github.com/influxdata/telegraf v1.39.3
	github.com/influxdata/toml v0.0.0-20251106153700-c381e153d076
	github.com/stretchr/testify v1.12.1
	github.com/warthog618/sms v0.3.0
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.47.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/naoina/go-stringutil v0.1.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
