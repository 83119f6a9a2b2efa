/**
 * The spam score: a sum of named points, nothing hidden, the same for the same message. No training; every signal
 * can be read in lib/formats/spam/signals. The points were weighed on one half of a corpus and judged on the other.
 */
import type { SpamReason } from '#lib/formats/auth/verdict.ts'
import type { MessageFacts } from './facts.ts'
import { attachmentSignals } from './signals/attachments.ts'
import { authSignals, replySignals } from './signals/auth.ts'
import { bodySignals } from './signals/body.ts'
import { clientSignals } from './signals/client.ts'
import { headerSignals } from './signals/header.ts'
import { linkSignals } from './signals/links.ts'
import { senderSignals } from './signals/sender.ts'
import type { Signal } from './signals/signal.ts'

export const signals: readonly Signal[] = [...headerSignals, ...senderSignals, ...bodySignals, ...linkSignals, ...attachmentSignals, ...clientSignals, ...authSignals, ...replySignals]

/** Reasons stand in falling order of their points. */
export function scoreMessage(facts: MessageFacts): { score: number; reasons: SpamReason[] } {
  const reasons = signals.filter(({ holds }) => holds(facts)).map(({ name, points }) => ({ name, points }))
  reasons.sort((a, b) => b.points - a.points)
  const sum = reasons.reduce((total, { points }) => total + points, 0)
  // One decimal, as it is shown and compared.
  return { score: Math.round(sum * 10) / 10, reasons }
}
