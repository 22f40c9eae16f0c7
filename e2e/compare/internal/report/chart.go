//go:build linux

package report

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Of the bars, the shortest interval first.
var (
	oursShades   = []color.Color{color.RGBA{R: 176, G: 58, B: 14, A: 255}, color.RGBA{R: 226, G: 106, B: 44, A: 255}, color.RGBA{R: 246, G: 172, B: 120, A: 255}}
	othersShades = []color.Color{color.RGBA{R: 55, G: 75, B: 105, A: 255}, color.RGBA{R: 115, G: 138, B: 170, A: 255}, color.RGBA{R: 182, G: 198, B: 219, A: 255}}
)

// Chart draws the bytes for each metric as SVG into a file.
func (p Page) Chart(name string) error {
	const thick = vg.Length(8)
	chart := plot.New()
	chart.Title.Text = "Bytes on the wire for each metric, by how often metrics are sent"
	chart.X.Label.Text = "bytes at the level of IP, both directions; 100 ms round trip, mean of three corpora"
	chart.X.Min = 0
	contenders := p.contenders()
	slices.Reverse(contenders) // the first is on top
	names := make([]string, len(contenders))
	for i, c := range contenders {
		names[i] = c.Name
	}
	var highest float64
	for j, interval := range p.Intervals {
		ours, others := make(plotter.Values, len(names)), make(plotter.Values, len(names))
		labels := plotter.XYLabels{XYs: make(plotter.XYs, len(names)), Labels: make([]string, len(names))}
		for i := range names {
			bytes := p.mean(j, len(names)-1-i)
			highest = max(highest, bytes)
			if others[i] = bytes; i == len(names)-1 {
				ours[i], others[i] = bytes, 0
			}
			labels.XYs[i], labels.Labels[i] = plotter.XY{X: bytes, Y: float64(i)}, number(bytes)
		}
		offset := thick * vg.Length(float64(len(p.Intervals)-1)/2-float64(j)) // the shortest is on top
		shade := min(j, len(oursShades)-1)
		for _, b := range []struct {
			values plotter.Values
			fill   color.Color
			legend bool
		}{
			{ours, oursShades[shade], false},
			{others, othersShades[shade], true},
		} {
			bars, err := plotter.NewBarChart(b.values, thick)
			if err != nil {
				return fmt.Errorf("cannot draw bars: %w", err)
			}
			bars.Horizontal, bars.Offset, bars.Color, bars.LineStyle.Width = true, offset, b.fill, 0
			chart.Add(bars)
			if b.legend {
				chart.Legend.Add("sent every "+seconds(interval), bars)
			}
		}
		l, err := plotter.NewLabels(labels)
		if err != nil {
			return fmt.Errorf("cannot draw numbers: %w", err)
		}
		l.Offset = vg.Point{X: 3, Y: offset}
		for i := range l.TextStyle {
			l.TextStyle[i].Font = sans(7)
			l.TextStyle[i].YAlign = draw.YCenter
		}
		chart.Add(l)
	}
	chart.X.Max = highest * 1.08
	chart.NominalY(names...)
	for _, style := range []*text.Style{&chart.X.Tick.Label, &chart.Y.Tick.Label, &chart.Legend.TextStyle, &chart.X.Label.TextStyle} {
		style.Font = sans(9)
	}
	chart.Title.TextStyle.Font = sans(11)
	chart.Title.Padding, chart.Y.Padding = 8, 0
	chart.Legend.Padding, chart.Legend.YOffs = 3, 6

	canvas := vgsvg.New(680, vg.Length(len(names))*thick*vg.Length(len(p.Intervals)+1)+60)
	chart.Draw(draw.Crop(draw.New(canvas), 8, -8, 6, -6))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return fmt.Errorf("cannot draw the chart: %w", err)
	}
	// Where there is no such font, another that is as wide.
	drawn := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	if err := os.WriteFile(name, drawn, 0o644); err != nil {
		return fmt.Errorf("cannot write the chart: %w", err)
	}
	return nil
}

// sans is the font of everything, in points.
func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}
