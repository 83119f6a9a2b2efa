/** What SPF, DKIM, DMARC and ARC found, and what only an authentic message may claim. */
import type { AuthVerdict } from '#lib/formats/auth/verdict.ts'
import type { MessageFacts } from '../facts.ts'
import { has } from './signal.ts'
import type { Signal } from './signal.ts'

function auth(test: (auth: AuthVerdict, facts: MessageFacts) => boolean): (facts: MessageFacts) => boolean {
  return (facts) => facts.auth !== undefined && test(facts.auth, facts)
}

const anyPass = ({ spf, dkim }: AuthVerdict) => spf.result === 'pass' || dkim.some(({ result }) => result === 'pass')

export const authSignals: readonly Signal[] = [
  { name: 'SPF_FAIL', points: 2, holds: auth(({ spf, arc }) => spf.result === 'fail' && arc.result !== 'pass') },
  { name: 'SPF_SOFTFAIL', points: 1, holds: auth(({ spf, arc }) => spf.result === 'softfail' && arc.result !== 'pass') },
  { name: 'SPF_NONE', points: 0.5, holds: auth(({ spf }) => spf.result === 'none' || spf.result === 'permerror') },
  { name: 'DKIM_FAIL', points: 1, holds: auth(({ dkim, arc }) => dkim.length > 0 && dkim.every(({ result }) => result === 'fail') && arc.result !== 'pass') },
  { name: 'AUTH_NOTHING', points: 1, holds: auth((verdict) => !anyPass(verdict) && verdict.dkim.length === 0) },
  { name: 'DMARC_FAIL', points: 2, holds: auth(({ dmarc, arc }) => dmarc.result === 'fail' && arc.result !== 'pass') },
  { name: 'DMARC_IMPOSSIBLE', points: 1, holds: auth(({ dmarc }) => dmarc.reason !== undefined) },
  { name: 'DMARC_PASS', points: -0.5, holds: auth(({ dmarc }) => dmarc.result === 'pass') },
  { name: 'DKIM_ALIGNED', points: -1, holds: auth(({ dkim }) => dkim.some(({ aligned }) => aligned)) },
  { name: 'LIST_AUTHENTIC', points: -1, holds: auth((verdict, facts) => has(facts, 'list-id') && anyPass(verdict)) },
]

export const replySignals: readonly Signal[] = [
  { name: 'REPLY', points: -1.5, holds: (facts) => has(facts, 'in-reply-to') && has(facts, 'references') },
]
