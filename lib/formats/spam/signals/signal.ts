import type { MessageFacts } from '../facts.ts'

/** One reason that can stand in X-Spam-Reasons. */
export interface Signal {
  /** Stable word, upper case: operators and filters look for it. */
  readonly name: string
  /** Added to the score when it holds; below zero speaks for the message. */
  readonly points: number
  readonly holds: (facts: MessageFacts) => boolean
}

export function first(facts: MessageFacts, field: string): string | undefined {
  return facts.fields.get(field)?.[0]
}

export function has(facts: MessageFacts, field: string): boolean {
  return facts.fields.has(field)
}
