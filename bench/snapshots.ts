/**
 * How many rows a segment of a snapshot should have: what one costs to write and to open, by the size of its segments.
 *
 *     node bench/snapshots.ts [--messages 100000]
 *
 * One mailbox, rows as the fold makes them, packed and compressed as snapshots are (lib/mail/mailbox/snapshot.ts); no engine, so that
 * the figures are those of the cutting alone. Each kind of day is 1,000 changes, after which a snapshot is written. Prices are S3's.
 */
import { parseArgs } from 'node:util'
import { Packr } from 'msgpackr'
import { messageLayout } from '#lib/mail/mailbox/messageList.ts'
import { packColumns, Segment, unpackColumns } from '#lib/mail/mailbox/segment.ts'
import { packBytes, unpackBytes } from '#lib/mail/transit/content.ts'

const { values } = parseArgs({ options: { messages: { type: 'string', default: '100000' } } })
const messages = Number(values.messages)
const sizes = [256, 512, 1024, 2048, 4096, 8192, 16_384, 65_535]
const turns = 15
/** Dollars for one request. */
const price = { put: 5e-6, get: 4e-7 } as const
const packr = new Packr({ useRecords: false })

type Rows = Segment<typeof messageLayout>

/** The same numbers in every run (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function makeRows(limit: number): Rows[] {
  const next = random(20_261_126)
  const segments: Rows[] = []
  for (let uid = 1; uid <= messages; uid++) {
    let segment = segments.at(-1)
    if (segment === undefined || segment.full) segments.push((segment = new Segment(messageLayout, limit)))
    const row = segment.add()
    const { columns } = segment
    const arrived = 1_700_000_000_000 + uid * 400_000 + Math.floor(next() * 300_000)
    columns.uid[row] = uid
    columns.flags[row] = next() < 0.9 ? 1 : Math.floor(next() * 6)
    columns.modSeq[row] = uid * 2 + Math.floor(next() * 500)
    columns.sizeBytes[row] = Math.floor(2000 + 60_000 * next() ** 4)
    columns.internalDate[row] = arrived
    columns.savedAt[row] = arrived + Math.floor(next() * 2000)
    columns.originSequence[row] = uid * 2
  }
  return segments
}

/** Places that change between two snapshots. */
const days: Readonly<Record<string, (next: () => number) => number[]>> = {
  'mail comes': () => Array.from({ length: 1000 }, (_, n) => messages - 1 - n),
  'the last 2000 are read': (next) => Array.from({ length: 1000 }, () => messages - 1 - Math.floor(next() * 2000)),
  '50 old ones flagged': (next) => [...Array.from({ length: 950 }, (_, n) => messages - 1 - n), ...Array.from({ length: 50 }, () => Math.floor(next() * messages))],
}

const pack = (segment: Rows): Promise<{ bytes: Uint8Array; codec: 'identity' | 'zstd' }> => packBytes(packr.pack([segment.count, packColumns(segment)]))

async function measure(limit: number): Promise<Record<string, string | number>> {
  const segments = makeRows(limit)
  const packed = await Promise.all(segments.map(pack))
  const octets = packed.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const opens: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    const begin = performance.now()
    for (const { bytes, codec } of packed) {
      const [count, columns] = packr.unpack(await unpackBytes(bytes, codec)) as [number, Uint8Array[]]
      unpackColumns(messageLayout, limit, count, columns)
    }
    opens.push(performance.now() - begin)
  }
  const costs: Record<string, string | number> = { rows: limit, blobs: segments.length, 'octets a message': (octets / messages).toFixed(1), 'open ms': fastest(opens).toFixed(1), 'open $/1M': (segments.length * price.get * 1e6).toFixed(0) }
  for (const [name, places] of Object.entries(days)) {
    const changed = [...new Set(places(random(limit)).map((place) => Math.floor(place / limit)))]
    const times: number[] = []
    let written = 0
    for (let turn = 0; turn < turns; turn++) {
      const begin = performance.now()
      const parts = await Promise.all(changed.map(async (at) => pack(segments[at] as Rows)))
      times.push(performance.now() - begin)
      written = parts.reduce((sum, { bytes }) => sum + bytes.length, 0)
    }
    costs[name] = `${changed.length} blobs, ${Math.round(written / 1024)} KB, ${fastest(times).toFixed(1)} ms, $${(changed.length * price.put * 1e6).toFixed(0)}/1M`
  }
  return costs
}

/** Other work of the machine only makes it slower. */
function fastest(samples: readonly number[]): number {
  return Math.min(...samples)
}

console.log(`${messages} messages in one mailbox, Node ${process.version}, the fastest of ${turns}`)
// The first one warms the program up.
await measure(sizes[0] ?? 256)
const table: Record<string, string | number>[] = []
for (const limit of sizes) table.push(await measure(limit))
console.table(table)
