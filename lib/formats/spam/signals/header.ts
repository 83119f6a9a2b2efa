/** What the header tells: fields that every mail program writes rightly and mass mailers do not. */
import type { MessageFacts } from '../facts.ts'
import { first, has } from './signal.ts'
import type { Signal } from './signal.ts'

const dayMs = 24 * 60 * 60 * 1000

function dateDistance({ sentAt, receivedAt }: MessageFacts): number {
  return sentAt === null ? 0 : sentAt - receivedAt
}

/** Letters of a subject that has enough of them to judge. */
function shouted(subject: string): boolean {
  const letters = subject.replace(/[^\p{L}]/gu, '')
  return letters.length >= 10 && letters === letters.toUpperCase() && letters !== letters.toLowerCase()
}

const oldMailers = /the bat!.*(stealth|3\.0)|group ?mail|mass ?mail|bulk|dark ?mail|emailer|sendblaster|turbo-?mailer|atomic|advanced direct|leaf ?php|phpmailer 5|xmailer|gammadyne|microsoft cdo|achi-?kochi|opencube|aspnet/i

export const headerSignals: readonly Signal[] = [
  { name: 'DATE_MISSING', points: 1.5, holds: (facts) => !has(facts, 'date') },
  { name: 'DATE_INVALID', points: 1.5, holds: (facts) => has(facts, 'date') && facts.sentAt === null },
  { name: 'DATE_FUTURE', points: 1.5, holds: (facts) => dateDistance(facts) > dayMs },
  { name: 'DATE_PAST', points: 1, holds: (facts) => dateDistance(facts) < -7 * dayMs },
  { name: 'MSGID_MISSING', points: 1, holds: (facts) => !has(facts, 'message-id') },
  { name: 'MSGID_INVALID', points: 1, holds: (facts) => has(facts, 'message-id') && !/^<[^<>\s@]+@[^<>\s@]+>$/.test(first(facts, 'message-id') ?? '') },
  { name: 'FROM_MISSING', points: 2, holds: (facts) => facts.fromCount === 0 || facts.from.address === '' },
  { name: 'FROM_TWICE', points: 3, holds: (facts) => facts.fromCount > 1 },
  { name: 'TO_MISSING', points: 0.8, holds: (facts) => !has(facts, 'to') && !has(facts, 'cc') },
  { name: 'TO_UNDISCLOSED', points: 1, holds: (facts) => /undisclosed|recipients?:\s*;|^<?>?$/i.test(first(facts, 'to') ?? 'x') },
  { name: 'SUBJECT_MISSING', points: 0.5, holds: (facts) => facts.subject.trim() === '' },
  { name: 'SUBJECT_SHOUTED', points: 1, holds: (facts) => shouted(facts.subject) },
  { name: 'SUBJECT_EXCITED', points: 0.8, holds: (facts) => /!{2,}|\?!|\${2,}/.test(facts.subject) },
  { name: 'SUBJECT_MARK', points: 0.5, holds: (facts) => /!\s*$/.test(facts.subject) },
  { name: 'SUBJECT_PICTURE', points: 1.2, holds: (facts) => /\p{Extended_Pictographic}/u.test(facts.subject.replace(/[©®™]/g, '')) },
  { name: 'SUBJECT_PADDED', points: 1.2, holds: (facts) => /\s{6,}\S/.test(facts.subject) || /[\u200b-\u200f\u2060\u00ad]/.test(facts.subject) },
  { name: 'SUBJECT_FAKE_REPLY', points: 1, holds: (facts) => /^(re|fwd?|aw|sv|antw?):/i.test(facts.subject) && !has(facts, 'references') && !has(facts, 'in-reply-to') && /^re/i.test(facts.subject) && !has(facts, 'thread-index') },
  { name: 'RAW_8BIT_HEADER', points: 1, holds: (facts) => /[\x80-\xff]/.test(first(facts, 'subject') ?? '') || /[\x80-\xff]/.test(first(facts, 'from') ?? '') },
  { name: 'PRIORITY_HIGH', points: 0.8, holds: (facts) => /^[12]\b/.test(first(facts, 'x-priority') ?? '') || /high/i.test(first(facts, 'x-msmail-priority') ?? first(facts, 'importance') ?? '') },
  { name: 'MAILER_MASS', points: 1.5, holds: (facts) => oldMailers.test(first(facts, 'x-mailer') ?? '') },
  { name: 'MIME_VERSION_MISSING', points: 0.8, holds: (facts) => has(facts, 'content-type') && !has(facts, 'mime-version') },
]
