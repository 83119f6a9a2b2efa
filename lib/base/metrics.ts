/** Numbers for operators, in the Prometheus text format (version 0.0.4). Made once, passed to whoever counts. */
export type Labels = Readonly<Record<string, string>>

interface Family {
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** By their labels as text. */
  readonly series: Map<string, () => string[]>
}

export class Counter {
  value = 0
  add(amount = 1): void {
    this.value += amount
  }
}

export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let i = 0
    while (i < this.#bounds.length && value > (this.#bounds[i] ?? Infinity)) i++
    this.#counts[i] = (this.#counts[i] ?? 0) + 1
    this.#sum += value
  }

  /** Counts up to each bound, the last one all of them. */
  read(): { readonly buckets: readonly { readonly le: string; readonly count: number }[]; readonly sum: number; readonly count: number } {
    let count = 0
    const buckets = this.#counts.map((own, i) => ({ le: String(this.#bounds[i] ?? '+Inf'), count: (count += own) }))
    return { buckets, sum: this.#sum, count }
  }
}

export class Metrics {
  readonly #families = new Map<string, Family>()

  /** `name` ends with `_total`. @throws when this name and these labels are taken. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter = new Counter()
    this.#series(name, help, 'counter', labels, (text) => [`${name}${text} ${counter.value}`])
    return counter
  }

  /** `read` is called whenever someone looks. */
  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#series(name, help, 'gauge', labels, (text) => [`${name}${text} ${read()}`])
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    const histogram = new Histogram(bounds)
    this.#series(name, help, 'histogram', labels, (text) => {
      const { buckets, sum, count } = histogram.read()
      return [...buckets.map((bucket) => `${name}_bucket${labelText({ ...labels, le: bucket.le })} ${bucket.count}`), `${name}_sum${text} ${sum}`, `${name}_count${text} ${count}`]
    })
    return histogram
  }

  #series(name: string, help: string, type: Family['type'], labels: Labels, lines: (labelText: string) => string[]): void {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`${name} is no name for a metric`)
    const family = this.#families.get(name) ?? { help, type, series: new Map<string, () => string[]>() }
    this.#families.set(name, family)
    const text = labelText(labels)
    if (family.type !== type || family.series.has(text)) throw new Error(`metric ${name}${text} is there already`)
    family.series.set(text, () => lines(text))
  }

  text(): string {
    const lines: string[] = []
    for (const [name, { help, type, series }] of this.#families) {
      lines.push(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`, `# TYPE ${name} ${type}`)
      for (const read of series.values()) lines.push(...read())
    }
    return lines.join('\n') + '\n'
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
