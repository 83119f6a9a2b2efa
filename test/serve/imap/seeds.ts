/**
 * Seeds of tests with chance: a few fixed ones, or, for a long run, as many new ones as fit into PENNYPOST_TEST_MINUTES.
 * PENNYPOST_TEST_SEED plays that seed alone, or begins a long run with it.
 */
import { test } from 'node:test'
import type { TestContext } from 'node:test'

export type Random = (below: number) => number

export function makeRandom(seed: number): Random {
  let state = seed
  return (below) => {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const minutes = Number(process.env['PENNYPOST_TEST_MINUTES'] ?? 0)
const asked = Number(process.env['PENNYPOST_TEST_SEED'] ?? 0)

/** `play` must not take the seed's number for anything but chance and a name: it is any whole number above 0. */
export function testWithSeeds(name: string, fixed: readonly number[], play: (seed: number) => Promise<void>): void {
  if (minutes > 0) {
    test(`${name} (${minutes} minutes of seeds)`, async (context) => {
      await playLong(context, play)
    })
    return
  }
  for (const seed of asked > 0 ? [asked] : fixed) test(`${name} (seed ${seed})`, () => play(seed))
}

async function playLong(context: TestContext, play: (seed: number) => Promise<void>): Promise<void> {
  const first = asked > 0 ? asked : 1 + (Date.now() % 1_000_000_000)
  const until = Date.now() + minutes * 60_000
  let seed = first
  for (; Date.now() < until; seed++) {
    await play(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
  }
  context.diagnostic(`seeds ${first} to ${seed - 1}, ${seed - first} plays`)
}
