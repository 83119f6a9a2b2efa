/** What a contract needs of an engine under test. */
import { systemClock } from '#lib/base/clock.ts'
import type { Engine } from '#lib/engine/ports.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** Closes it and removes what it kept. */
  dispose(): Promise<void>
  /** Forgets also the notes that the engine does not show. */
  emptyQueues?(): Promise<void>
}

/** Opens an engine that holds nothing yet. */
export type OpenEngine = () => Promise<OpenedEngine>

export const bytes = (text: string): Uint8Array => Buffer.from(text)
export const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString()

/** Waits for what happens soon but not at once. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 8000): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`still not so after ${withinMs} ms: ${what}`)
    await systemClock.sleep(5)
  }
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
