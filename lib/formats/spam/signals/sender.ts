/** Who the message says it is from. */
import type { MessageFacts } from '../facts.ts'
import { isCheapTop, isFreeMail, ownedDomain } from '../links.ts'
import { brands } from '../phrases.ts'
import type { Signal } from './signal.ts'

/** A firm's name shown, an address of somebody else behind it. */
function wearsBrand({ from }: MessageFacts): boolean {
  const name = from.name.normalize('NFKC').toLowerCase()
  if (name === '' || from.domain === '') return false
  return brands.some(([pattern, domain]) => pattern.test(name) && !domain.test(from.domain))
}

/** An address in the display name that is not the sender's. */
function wearsAddress({ from }: MessageFacts): boolean {
  const shown = /[^\s<>"'(),;:@]+@([a-z0-9-]+(?:\.[a-z0-9-]+)+)/i.exec(from.name)?.[1]
  return shown !== undefined && ownedDomain(shown) !== ownedDomain(from.domain)
}

function repliesElsewhere({ from, replyTo }: MessageFacts): boolean {
  return replyTo !== undefined && replyTo.domain !== '' && from.domain !== '' && ownedDomain(replyTo.domain) !== ownedDomain(from.domain)
}

function looksRandom(local: string): boolean {
  const word = local.replace(/[^a-z0-9]/g, '')
  const changes = word.match(/[a-z]\d|\d[a-z]/g)?.length ?? 0
  return word.length >= 8 && (changes >= 4 || /[bcdfghjklmnpqrstvwxz]{6,}/.test(word))
}

export const senderSignals: readonly Signal[] = [
  { name: 'FROM_WEARS_BRAND', points: 3, holds: wearsBrand },
  { name: 'FROM_WEARS_ADDRESS', points: 2, holds: wearsAddress },
  { name: 'REPLY_TO_FREEMAIL', points: 2, holds: (facts) => repliesElsewhere(facts) && isFreeMail(facts.replyTo?.domain ?? '') },
  { name: 'REPLY_TO_ELSEWHERE', points: 0.5, holds: (facts) => repliesElsewhere(facts) && !isFreeMail(facts.replyTo?.domain ?? '') },
  { name: 'FROM_CHEAP_DOMAIN', points: 1.2, holds: ({ from }) => isCheapTop(from.domain) },
  { name: 'FROM_NO_DOMAIN', points: 1.5, holds: ({ from }) => from.address !== '' && !from.domain.includes('.') },
  { name: 'FROM_RANDOM', points: 1, holds: ({ from }) => looksRandom(from.address.split('@')[0] ?? '') },
  { name: 'FROM_ODD_LETTERS', points: 1.5, holds: ({ from }) => /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(from.name) && /\p{Script=Latin}/u.test(from.name) || /[\u{1d400}-\u{1d7ff}]/u.test(from.name) },
  { name: 'FROM_PUNYCODE', points: 1, holds: ({ from }) => /(^|\.)xn--/.test(from.domain) },
  { name: 'FROM_IS_TO', points: 1, holds: ({ from, fields }) => from.address !== '' && (fields.get('to')?.[0] ?? '').toLowerCase().includes(from.address) && (fields.get('to')?.[0] ?? '').length < 200 },
]
