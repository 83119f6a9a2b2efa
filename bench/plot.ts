/**
 * A line chart with two logarithmic axes as SVG, readable on light and on dark pages: it follows the reader's colour scheme.
 * Pure: points in, text out.
 */
export interface Series {
  readonly name: string
  /** Of values above 0; x ascending. */
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Drawn with dashes: for what is not of the same kind as the rest. */
  readonly dashed?: boolean
}

export interface Plot {
  readonly title: string
  readonly subtitle: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xText: (value: number) => string
  readonly yText: (value: number) => string
  readonly series: readonly Series[]
  /** A level to be held, drawn across. */
  readonly goal?: { readonly y: number; readonly name: string }
}

const height = 500
const frame = { left: 102, top: 78, bottom: 64 }
const inner = { width: 590, height: height - frame.top - frame.bottom }
/** Room for a letter of a label, wide enough for most fonts. */
const letterWidth = 8
/** Told apart by those who do not see all colours (Okabe and Ito), lighter on dark ground. */
const colours: readonly (readonly [light: string, dark: string])[] = [
  ['#0072b2', '#56b4e9'], ['#d55e00', '#ff8f4c'], ['#009e73', '#3ddbb0'], ['#b0579a', '#e59fd0'], ['#8a6d00', '#f0d442'], ['#555555', '#bbbbbb'],
]
/** Least distance of two labels at the right edge. */
const labelGap = 19

export function drawPlot(plot: Plot): string {
  const xs = plot.series.flatMap(({ points }) => points.map(([x]) => x))
  const ys = [...plot.series.flatMap(({ points }) => points.map(([, y]) => y)), ...(plot.goal === undefined ? [] : [plot.goal.y])]
  const xAxis = { low: Math.log10(Math.min(...xs)), high: Math.log10(Math.max(...xs)) }
  const yAxis = { low: Math.floor(Math.log10(Math.min(...ys)) * 2) / 2, high: Math.ceil(Math.log10(Math.max(...ys)) * 2) / 2 }
  const x = (value: number) => frame.left + ((Math.log10(value) - xAxis.low) / (xAxis.high - xAxis.low)) * inner.width
  const y = (value: number) => frame.top + inner.height - ((Math.log10(value) - yAxis.low) / (yAxis.high - yAxis.low)) * inner.height
  const width = frame.left + inner.width + 32 + letterWidth * Math.max(...plot.series.map(({ name }) => name.length))
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escape(plot.title)}</title><desc id="desc">${escape(describe(plot))}</desc>`,
    `<style>${style()}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="10"/>`,
    `<text class="title" x="24" y="32">${escape(plot.title)}</text><text class="subtitle" x="24" y="53">${escape(plot.subtitle)}</text>`,
    ...yTicks(yAxis).map(({ value, major }) => `<line class="${major ? 'grid' : 'fine'}" x1="${frame.left}" x2="${frame.left + inner.width}" y1="${at(y(value))}" y2="${at(y(value))}"/>${major ? `<text class="tick" x="${frame.left - 10}" y="${at(y(value) + 4)}" text-anchor="end">${escape(plot.yText(value))}</text>` : ''}`),
    ...[...new Set(xs)].map((value) => `<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="${frame.top}" y2="${frame.top + inner.height}"/><text class="tick" x="${at(x(value))}" y="${frame.top + inner.height + 21}" text-anchor="middle">${escape(plot.xText(value))}</text>`),
    `<text class="axis" x="${frame.left + inner.width / 2}" y="${height - 16}" text-anchor="middle">${escape(plot.xLabel)}</text>`,
    `<text class="axis" transform="translate(24 ${frame.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escape(plot.yLabel)}</text>`,
    ...(plot.goal === undefined ? [] : [`<line class="goal" x1="${frame.left}" x2="${frame.left + inner.width}" y1="${at(y(plot.goal.y))}" y2="${at(y(plot.goal.y))}"/><text class="goalText" x="${frame.left + 8}" y="${at(y(plot.goal.y) - 7)}">${escape(plot.goal.name)}</text>`]),
    ...plot.series.map((one, index) => drawSeries(one, index, x, y)),
    ...labels(plot.series, y),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function drawSeries({ points, dashed = false }: Series, index: number, x: (value: number) => number, y: (value: number) => number): string {
  const line = points.map(([px, py]) => `${at(x(px))},${at(y(py))}`).join(' ')
  return `<g class="s${index}"><polyline points="${line}"${dashed ? ' stroke-dasharray="7 5"' : ''}/>${points.map(([px, py]) => `<circle cx="${at(x(px))}" cy="${at(y(py))}" r="4.2"/>`).join('')}</g>`
}

/** The legend: each name stands at the end of its line, moved where two would meet. */
function labels(series: readonly Series[], y: (value: number) => number): string[] {
  const wanted = series.map(({ name, points }, index) => ({ name, index, line: y(points.at(-1)?.[1] ?? 1), place: y(points.at(-1)?.[1] ?? 1) })).sort((a, b) => a.place - b.place)
  for (let round = 0; round < 50; round++) {
    for (let one = 1; one < wanted.length; one++) {
      const [above, below] = [wanted[one - 1], wanted[one]]
      if (above === undefined || below === undefined) continue
      const lack = labelGap - (below.place - above.place)
      if (lack <= 0) continue
      above.place -= lack / 2
      below.place += lack / 2
    }
  }
  const edge = frame.left + inner.width
  return wanted.map(({ name, index, line, place }) => `<g class="s${index}"><path class="lead" d="M${edge + 6} ${at(line)} L${edge + 16} ${at(place)}"/><text class="label" x="${edge + 20}" y="${at(place + 4.5)}">${escape(name)}</text></g>`)
}

interface Axis {
  readonly low: number
  readonly high: number
}

function yTicks({ low, high }: Axis): { value: number; major: boolean }[] {
  const ticks: { value: number; major: boolean }[] = []
  for (let power = Math.floor(low); power <= high; power++) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power
      const place = Math.log10(value)
      if (place >= low - 1e-9 && place <= high + 1e-9) ticks.push({ value, major: step === 1 || high - low < 2 })
    }
  }
  return ticks
}

function describe({ series, xText, yText }: Plot): string {
  return series.map(({ name, points }) => `${name}: ${points.map(([x, y]) => `${yText(y)} at ${xText(x)}`).join(', ')}`).join('; ')
}

function style(): string {
  const themed = (which: 0 | 1) => colours.map((pair, index) => `.s${index} polyline,.s${index} .lead{stroke:${pair[which]}}.s${index} circle,.s${index} text{fill:${pair[which]}}`).join('')
  const light = `.ground{fill:#fff}.title{fill:#1b1f24}.subtitle,.axis,.tick{fill:#57606a}.grid{stroke:#d8dee4}.fine{stroke:#eef1f4}.goal{stroke:#8c959f}.goalText{fill:#57606a}circle{stroke:#fff}${themed(0)}`
  const dark = `.ground{fill:#0d1117}.title{fill:#f0f3f6}.subtitle,.axis,.tick{fill:#9ea7b3}.grid{stroke:#2b323b}.fine{stroke:#1a2028}.goal{stroke:#6e7681}.goalText{fill:#9ea7b3}circle{stroke:#0d1117}${themed(1)}`
  return `text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:13px}.title{font-size:18px;font-weight:600}.axis{font-size:13px}.tick{font-variant-numeric:tabular-nums}.label{font-weight:600}.grid,.fine{stroke-width:1}polyline{fill:none;stroke-width:2.6;stroke-linejoin:round;stroke-linecap:round}circle{stroke-width:1.6}.lead{fill:none;stroke-width:1.2;opacity:.6}.goal{stroke-width:1.5;stroke-dasharray:3 4}${light}@media (prefers-color-scheme:dark){${dark}}`
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
