/**
 * Holds docs/rfc.tsv against the code: every RFC that a comment cites must stand in the table,
 * and every row that claims code must be cited by it. Exits 1 and names each mismatch.
 */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const columns = ['rfc', 'title', 'extent', 'note']
const extents = ['full', 'most', 'part', 'none']

interface Row {
  readonly line: number
  readonly rfc: string
  readonly extent: string
}

const problems: string[] = []

function readTable(): Row[] {
  const [head = '', ...lines] = readFileSync(root + 'docs/rfc.tsv', 'utf8').trimEnd().split('\n')
  if (head.split('\t').join() !== columns.join()) problems.push(`docs/rfc.tsv:1: the columns are ${columns.join(', ')}`)
  return lines.map((text, index) => {
    const [rfc = '', title = '', extent = '', ...note] = text.split('\t')
    const line = index + 2
    if (!/^\d{3,5}$/.test(rfc)) problems.push(`docs/rfc.tsv:${line}: "${rfc}" is no RFC number`)
    if (title === '') problems.push(`docs/rfc.tsv:${line}: RFC ${rfc} has no title`)
    if (!extents.includes(extent)) problems.push(`docs/rfc.tsv:${line}: extent is one of ${extents.join(', ')}`)
    if (extent !== 'full' && note.join('') === '') problems.push(`docs/rfc.tsv:${line}: RFC ${rfc} is ${extent}: say what is missing`)
    return { line, rfc, extent }
  })
}

function citedInCode(): Map<string, string> {
  const cited = new Map<string, string>()
  for (const file of globSync('{bin,lib,functions,containers}/**/*.ts', { cwd: root }).sort()) {
    readFileSync(root + file, 'utf8').split('\n').forEach((text, index) => {
      for (const [, number = ''] of text.matchAll(/RFC (\d{3,5})/g)) if (!cited.has(number)) cited.set(number, `${file}:${index + 1}`)
      // RFC822 is a word of IMAP, no citation.
      if (/RFC(?!822)\d/.test(text)) problems.push(`${file}:${index + 1}: write "RFC nnnn §x", with a space`)
    })
  }
  return cited
}

const rows = readTable()
const cited = citedInCode()
const known = new Set(rows.map((row) => row.rfc))
for (const [rfc, place] of cited) if (!known.has(rfc)) problems.push(`${place}: RFC ${rfc} is not in docs/rfc.tsv`)
for (const row of rows) {
  if (row.extent !== 'none' && !cited.has(row.rfc)) problems.push(`docs/rfc.tsv:${row.line}: no comment cites RFC ${row.rfc}`)
  if (rows.some((other) => other.rfc === row.rfc && other.line < row.line)) problems.push(`docs/rfc.tsv:${row.line}: RFC ${row.rfc} stands twice`)
}
for (const problem of problems) process.stdout.write(problem + '\n')
process.stdout.write(`${rows.length} RFCs in the table, ${cited.size} cited, ${problems.length} problems\n`)
process.exitCode = problems.length === 0 ? 0 : 1
