/** The spam corpus beside the checkout: unpacked, cleaned of what gives the label away, scored. For the test and bench/spam.ts. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { gatherFacts } from '#lib/formats/spam/facts.ts'
import { scoreMessage } from '#lib/formats/spam/score.ts'

export const corpus = fileURLToPath(new URL('../../../../shared/corpus/spam/', import.meta.url))
export const isThere = existsSync(corpus)

export interface Specimen {
  readonly source: string
  readonly spam: boolean
  readonly receivedAt: number
  readonly sha256: string
  readonly bytes: Buffer
}

interface Scrub {
  readonly received_by_regex: string
  readonly received_replacement: string
  readonly receiver_hosts: Readonly<Record<string, string>>
  readonly keep_fields: string
  readonly drop_extra: Readonly<Record<string, string>>
  readonly drop_value: readonly (readonly [string, string])[]
  readonly replace_bytes: readonly (readonly [string, string])[]
}

/** Messages for which `wanted` holds, in the order of the index. */
export function readCorpus(wanted: (sha256: string) => boolean): Specimen[] {
  const scrub = JSON.parse(readFileSync(`${corpus}scrub-v1.json`, 'utf8')) as Scrub
  const folder = mkdtempSync(join(tmpdir(), 'pennypost-spam-'))
  try {
    const [, ...rows] = readFileSync(`${corpus}index.tsv`, 'utf8').trim().split('\n')
    const index = rows.map((row) => row.split('\t')).filter(([, , , , , , sha256 = '']) => wanted(sha256))
    const sources = new Set(index.map(([path = '']) => path.split('/', 1)[0] ?? ''))
    for (const source of sources) {
      const paths = index.flatMap(([path = '']) => (path.startsWith(`${source}/`) ? [path] : []))
      execFileSync('tar', ['-xzf', `${corpus}${source}.tar.gz`, '-C', folder, '-T', '-'], { input: paths.join('\n') })
    }
    return index.map(([path = '', label, , source = '', date = '', , sha256 = '']) => ({ source, spam: label === 'spam', receivedAt: Date.parse(date), sha256, bytes: clean(readFileSync(join(folder, path)).toString('latin1'), source, scrub) }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The steps of scrub-v1.json. */
function clean(text: string, source: string, scrub: Scrub): Buffer {
  const bare = text.replace(/^>?From .*\r?\n/, '').replace(/\r?\n/g, '\r\n')
  const end = bare.indexOf('\r\n\r\n')
  const fields = (end < 0 ? bare : bare.slice(0, end + 2)).split(/(?<=\r\n)(?![ \t])/)
  const kept = dropReceiver(fields, source, scrub).filter((field) => isKept(field, source, scrub))
  const whole = kept.join('') + (end < 0 ? '' : bare.slice(end + 2))
  return Buffer.from(scrub.replace_bytes.reduce((message, [from, to]) => message.replaceAll(from, to), whole), 'latin1')
}

function dropReceiver(fields: readonly string[], source: string, scrub: Scrub): string[] {
  const own = new RegExp(scrub.receiver_hosts[source] ?? '^$', 'i')
  const by = new RegExp(scrub.received_by_regex, 'i')
  const received = fields.filter((field) => /^received:/i.test(field))
  const strange = received.findIndex((field) => !own.test(by.exec(field.replace(/\r\n/g, ''))?.[1] ?? ''))
  const run = received.slice(0, strange < 0 ? received.length : strange)
  const last = run.at(-1)
  return fields.flatMap((field) => {
    if (!run.includes(field)) return [field]
    return field === last ? [field.replace(by, (whole, host: string) => whole.replace(host, scrub.received_replacement))] : []
  })
}

function isKept(field: string, source: string, scrub: Scrub): boolean {
  const name = /^[^:\s]+/.exec(field)?.[0] ?? ''
  const matches = (pattern: string | undefined) => pattern !== undefined && new RegExp(`^(?:${pattern})$`, 'i').test(name)
  if (!matches(scrub.keep_fields) || matches(scrub.drop_extra[source])) return false
  return !scrub.drop_value.some(([word, value]) => word.toLowerCase() === name.toLowerCase() && new RegExp(value, 'i').test(field))
}

/** By its content alone: the corpus knows no client, and the checks cannot be made again. */
export function scoreOf({ bytes, receivedAt }: Specimen): ReturnType<typeof scoreMessage> {
  return scoreMessage(gatherFacts({ parsed: parseMessage(bytes), bytes, receivedAt }))
}
