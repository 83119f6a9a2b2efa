/** Where the message leads. */
import type { MessageFacts } from '../facts.ts'
import { hostInText, isCheapTop, isFreeHosting, isMixedScript, isShortener, ownedDomain } from '../links.ts'
import type { Signal } from './signal.ts'

/** The text shows one host, the link goes to another: many lists and newsletters count clicks so, hence only some points. */
function showsOther({ links }: MessageFacts): boolean {
  return links.some(({ host, text }) => {
    const shown = hostInText(text)
    return shown !== undefined && ownedDomain(shown) !== ownedDomain(host)
  })
}

function allElsewhere({ links, from }: MessageFacts): boolean {
  return from.domain !== '' && links.length > 0 && links.every(({ host }) => ownedDomain(host) !== ownedDomain(from.domain))
}

export const linkSignals: readonly Signal[] = [
  { name: 'LINK_SHOWS_OTHER', points: 1, holds: showsOther },
  { name: 'LINK_IP', points: 2, holds: ({ links }) => links.some(({ isIp }) => isIp) },
  { name: 'LINK_USER', points: 2, holds: ({ links }) => links.some(({ hasUser }) => hasUser) },
  { name: 'LINK_PORT', points: 0.7, holds: ({ links }) => links.some(({ port, isIp }) => port && !isIp) },
  { name: 'LINK_PUNYCODE', points: 1, holds: ({ links }) => links.some(({ punycode }) => punycode) },
  { name: 'LINK_MIXED_SCRIPT', points: 2, holds: ({ links }) => links.some(({ host }) => /[^\x00-\x7f]|xn--/.test(host) && isMixedScript(host)) },
  { name: 'LINK_SHORTENER', points: 1.2, holds: ({ links }) => links.some(({ host }) => isShortener(host)) },
  { name: 'LINK_FREE_HOSTING', points: 1.5, holds: ({ links }) => links.some(({ host }) => isFreeHosting(host)) },
  { name: 'LINK_CHEAP_DOMAIN', points: 1.2, holds: ({ links }) => links.some(({ host }) => isCheapTop(host)) },
  { name: 'LINK_FEW_FOREIGN', points: 0.7, holds: (facts) => facts.html !== undefined && allElsewhere(facts) && facts.links.length <= 5 },
  { name: 'LINK_ONE_TARGET', points: 0.7, holds: ({ html, links }) => html !== undefined && links.length >= 3 && new Set(links.map(({ host }) => host)).size === 1 },
]
