/** The file of measured counts: written when asked for, else checked. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { countedThings, dollarsOf, mapCounts, noCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'

const ofTheBill = new URL('../../../lib/engine/aws/measured.json', import.meta.url)
/** Sizes of compressed mail and of random ids vary a little. */
const tolerated = 0.05

export async function keepMeasured(name: string, counts: Counts, place = ofTheBill): Promise<void> {
  const kept = JSON.parse(await readFile(place, 'utf8').catch(() => '{}')) as Record<string, Partial<Counts>>
  if (process.env['PENNYPOST_MEASURE'] === 'write') {
    const rounded = mapCounts((thing) => Number(counts[thing].toFixed(4)))
    const written = Object.fromEntries(Object.entries({ ...kept, [name]: rounded }).toSorted(([one], [other]) => (one < other ? -1 : 1)))
    return await writeFile(place, `${JSON.stringify(written, null, 2)}\n`)
  }
  const before = { ...noCounts, ...kept[name] }
  const apart = Math.abs(dollarsOf(before) - dollarsOf(counts))
  assert.ok(apart <= tolerated * dollarsOf(counts), `${name} is not what ${basename(place.pathname)} says; PENNYPOST_MEASURE=write writes it anew: ${countedThings.map((thing) => `${thing} ${before[thing]} -> ${counts[thing]}`).join(', ')}`)
}
