/**
 * What a verdict means for one domain's recipients: take it, file it to Junk, or refuse it. Pure.
 */
import { isSameOrBelow } from '#lib/formats/auth/domain.ts'
import type { AuthVerdict, DmarcPolicy, Verdict } from '#lib/formats/auth/verdict.ts'

export interface DispositionSettings {
  readonly junkScore: number
  readonly refuseScore: number
  readonly arcTrusted: readonly string[]
}

/** A domain's own choices, as the directory keeps them. */
export interface DomainChoice {
  readonly dmarc: 'obey' | 'mark'
  readonly junkScore?: number | undefined
  readonly refuseScore?: number | undefined
}

export interface Refusal {
  readonly code: number
  readonly enhancedCode: string
  readonly text: string
}

/** `why`: the author's domain asks for it (DMARC), or the score. */
export type Disposition =
  | { readonly action: 'accept' }
  | { readonly action: 'junk'; readonly why: 'dmarc' | 'score' }
  | { readonly action: 'refuse'; readonly why: 'dmarc' | 'score'; readonly refuse: Refusal }

export function dispose(verdict: Verdict, choice: DomainChoice, settings: DispositionSettings): Disposition {
  const policy = verdict.auth === undefined || choice.dmarc === 'mark' ? 'none' : dmarcDemand(verdict.auth, verdict.draw, settings.arcTrusted)
  if (policy === 'reject' && verdict.auth !== undefined) return { action: 'refuse', why: 'dmarc', refuse: dmarcRefusal(verdict.auth) }
  const score = verdict.spam?.score ?? 0
  if (score >= (choice.refuseScore ?? settings.refuseScore)) return { action: 'refuse', why: 'score', refuse: spamRefusal }
  if (policy === 'quarantine') return { action: 'junk', why: 'dmarc' }
  if (score >= (choice.junkScore ?? settings.junkScore)) return { action: 'junk', why: 'score' }
  return { action: 'accept' }
}

/** What the author's domain demands for this message. */
export function dmarcDemand(auth: AuthVerdict, draw: number, arcTrusted: readonly string[]): DmarcPolicy {
  const { dmarc, arc } = auth
  if (dmarc.result !== 'fail') return 'none'
  // RFC 8617 §7.2.1: a chain of sealers we trust may tell that the message was authentic before it was changed.
  const vouched = arc.result === 'pass' && arc.dmarcBefore === 'pass' && arcTrusted.some((domain) => isSameOrBelow(arc.sealer ?? '', domain.toLowerCase()))
  if (vouched) return 'none'
  if (draw < dmarc.percent) return dmarc.policy
  // RFC 7489 §6.6.4: those not drawn get the next lower policy.
  return dmarc.policy === 'reject' ? 'quarantine' : 'none'
}

function dmarcRefusal({ dmarc }: AuthVerdict): Refusal {
  const from = dmarc.policyDomain === dmarc.domain ? dmarc.domain : `${dmarc.domain}, by ${dmarc.policyDomain},`
  return { code: 550, enhancedCode: '5.7.1', text: `Refused by the DMARC policy of ${from} (p=${dmarc.policy}): no aligned SPF or DKIM pass` }
}

const spamRefusal: Refusal = { code: 550, enhancedCode: '5.7.1', text: 'This message was taken for spam; ask postmaster if it is not' }
