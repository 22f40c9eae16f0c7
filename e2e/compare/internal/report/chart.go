//go:build linux

package report

import (
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
		shade := uint8(float64(j) * 150 / float64(max(1, len(p.Intervals)-1)))
		for _, b := range []struct {
			values plotter.Values
			fill   color.RGBA
			legend bool
		}{
			{ours, color.RGBA{R: 200, G: 60 + shade/2, B: 20 + shade, A: 255}, false},
			{others, color.RGBA{R: 60 + shade, G: 80 + shade, B: 110 + shade*4/5, A: 255}, true},
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
	chart.Legend.Left, chart.Legend.Top = false, false

	canvas := vgsvg.New(680, vg.Length(len(names))*thick*vg.Length(len(p.Intervals)+1)+60)
	chart.Draw(draw.New(canvas))
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("cannot make the chart: %w", err)
	}
	if _, err := canvas.WriteTo(file); err != nil {
		_ = file.Close()
		return fmt.Errorf("cannot write the chart: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("cannot write the chart: %w", err)
	}
	return nil
}

// sans is the font of everything, in points.
func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}
