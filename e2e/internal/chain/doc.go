// Package chain runs examples/edge-to-database: a real Telegraf at the edge with our
// output, the emulator as the cloud, a second real Telegraf with our input, and
// InfluxDB. While metrics flow, parts of it fail and are started again. In the end
// every point in the database is compared with what was collected at the edge.
package chain
