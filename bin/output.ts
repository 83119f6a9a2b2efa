/** What a command prints: tables for people, JSON for programs. */
export interface Output {
  readonly json: boolean
  readonly write: (text: string) => void
}

export type Cell = string | number | boolean | null | undefined

/** Rows under column names; a sentence instead when there is none. With `--json` the values themselves. */
export function printRows(output: Output, rows: readonly Readonly<Record<string, Cell>>[], none: string): void {
  if (output.json) return printJson(output, rows)
  if (rows.length === 0) return output.write(none + '\n')
  output.write(formatTable(rows))
}

export function printJson(output: Output, value: unknown): void {
  output.write(JSON.stringify(value, null, 2) + '\n')
}

/** One thing and its properties, a line each. */
export function printFacts(output: Output, facts: Readonly<Record<string, Cell>>): void {
  if (output.json) return printJson(output, facts)
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  for (const [name, value] of Object.entries(facts)) output.write(`${name.padEnd(width)}  ${show(value)}\n`)
}

/** A sentence for people, an object for programs. */
export function say(output: Output, sentence: string, value: unknown): void {
  if (output.json) printJson(output, value)
  else output.write(sentence + '\n')
}

export function formatTable(rows: readonly Readonly<Record<string, Cell>>[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [names.map((name) => name.toUpperCase()), ...rows.map((row) => names.map((name) => show(row[name])))]
  const widths = names.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd() + '\n').join('')
}

const show = (value: Cell): string => (value === null || value === undefined ? '-' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value))

export function showBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${size >= 100 ? Math.round(size) : Math.round(size * 10) / 10} ${units[unit] ?? ''}`
}

export function showTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19) + 'Z'
}

export function showDuration(ms: number): string {
  const steps: [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]]
  for (const [unit, size] of steps) if (Math.abs(ms) >= size) return `${Math.round(ms / size)}${unit}`
  return `${Math.round(ms)}ms`
}
