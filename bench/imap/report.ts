/** Medians of what was measured, as a Markdown table. */

export interface Sample {
  readonly target: string
  readonly scenario: string
  readonly measure: string
  readonly ms: number
  /** Of the server; undefined where it says nothing. */
  readonly cpuSeconds: number | undefined
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? NaN
}

function show(number: number): string {
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2)
}

interface Cell {
  readonly ms: number
  readonly cpuMs: number
}

/** Milliseconds, and in brackets those of the server's processors. The ratios: best of the others by the first; above 1 the first is faster. */
export function tableOf(samples: readonly Sample[], targets: readonly string[]): string {
  const measures = [...new Set(samples.map(({ measure }) => measure))]
  const lines = measures.map((measure) => {
    const cells = targets.map((target): Cell => {
      const of = samples.filter((sample) => sample.target === target && sample.measure === measure)
      return { ms: median(of.map(({ ms }) => ms)), cpuMs: median(of.map(({ cpuSeconds }) => (cpuSeconds ?? NaN) * 1000)) }
    })
    const [first, ...others] = cells
    const ratio = (word: keyof Cell) => {
      const value = Math.min(...others.map((cell) => cell[word])) / (first?.[word] ?? NaN)
      return Number.isFinite(value) ? value.toFixed(2) : '-'
    }
    return `| ${measure} | ${cells.map(({ ms, cpuMs }) => `${show(ms)}${Number.isNaN(cpuMs) ? '' : ` (${show(cpuMs)})`}`).join(' | ')} | ${ratio('ms')} | ${ratio('cpuMs')} |`
  })
  return [`| ms (of it server CPU) | ${targets.join(' | ')} | ratio | CPU ratio |`, `|---|${targets.map(() => '---|').join('')}---|---|`, ...lines].join('\n')
}
