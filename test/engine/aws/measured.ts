/** The file of measured counts: written when asked for, else checked. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { countedThings, dollarsOf, mapCounts, noCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'

const place = new URL('../../../lib/engine/aws/measured.json', import.meta.url)
/** Sizes of compressed mail and of random ids vary a little. */
const tolerated = 0.05

export async function keepMeasured(name: string, counts: Counts): Promise<void> {
  const kept = JSON.parse(await readFile(place, 'utf8').catch(() => '{}')) as Record<string, Partial<Counts>>
  if (process.env['PENNYPOST_MEASURE'] === 'write') {
    const rounded = mapCounts((thing) => Number(counts[thing].toFixed(4)))
    const written = Object.fromEntries(Object.entries({ ...kept, [name]: rounded }).toSorted(([one], [other]) => (one < other ? -1 : 1)))
    return await writeFile(place, `${JSON.stringify(written, null, 2)}\n`)
  }
  const before = { ...noCounts, ...kept[name] }
  const apart = Math.abs(dollarsOf(before) - dollarsOf(counts)) / dollarsOf(counts)
  assert.ok(apart <= tolerated, `${name} is not what measured.json says; PENNYPOST_MEASURE=write writes it anew: ${countedThings.map((thing) => `${thing} ${before[thing]} -> ${counts[thing]}`).join(', ')}`)
}
