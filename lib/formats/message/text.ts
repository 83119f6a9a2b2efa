/** The text of a message as a person reads it, for SEARCH BODY and TEXT (RFC 9051 §6.4.4). */
import { decodeText } from './decode.ts'
import { htmlText } from './html.ts'
import type { Part } from './part.ts'

/** A part and all inside it, messages inside included, in their order. */
export function* partsOf(part: Part): Generator<Part> {
  yield part
  for (const inner of part.parts) yield* partsOf(inner)
  if (part.message !== null) yield* partsOf(part.message.root)
}

/** Delivery reports and the like are lines of text too. */
export function hasText({ type, message }: Part): boolean {
  return type === 'text' || (type === 'message' && message === null)
}

/** Of a part that {@link hasText}: its body decoded, HTML without its tags. */
export function partText(part: Part, body: Uint8Array): string {
  const text = decodeText(part, body)
  return part.subtype === 'html' && part.type === 'text' ? htmlText(text) : text
}
