/** The octets of a literal as they come: RFC 9051 §4.3. */
import type { Input } from '../input.ts'
import { Goodbye } from './endings.ts'

/** `sizeBytes` in all. @throws ConnectionEnded when fewer come, Goodbye when none come for `timeoutMs`. */
export async function* readLiteral(input: Input, sizeBytes: number, timeoutMs: number): AsyncGenerator<Buffer> {
  for (let left = sizeBytes; left > 0; ) {
    const chunk = await input.take(left, timeoutMs)
    if (chunk === undefined) throw new Goodbye('A literal did not end in time')
    left -= chunk.length
    yield chunk
  }
}
