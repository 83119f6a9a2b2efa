/** Where mail comes in: what the doors need of the rooms below them. */
import { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import { makeTokenCheck } from '#lib/mail/accounts/openId.ts'
import { acceptMessage } from '#lib/mail/inbound/accept.ts'
import type { ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import { makeJudge } from '#lib/mail/inbound/judge.ts'
import { submitMessage } from '#lib/mail/outbound/submit.ts'
import type { SubmittedMessage } from '#lib/mail/outbound/submit.ts'
import type { Resolution } from '#lib/mail/rules/expand.ts'
import { postmasterAddress } from '#lib/mail/rules/postmaster.ts'
import { reachesSomebody } from '#lib/mail/rules/reach.ts'
import type { SharedDeps } from './shared.ts'

export interface Reception {
  readonly authenticator: Authenticator
  /** A loop is seen when a message is at hand, not at RCPT. */
  readonly resolveRecipient: (address: string) => Promise<Exclude<Resolution, { kind: 'loop' }>>
  /** Whom `postmaster` alone means. */
  readonly postmaster: () => Promise<string>
  readonly accept: (message: ArrivingMessage) => Promise<{ queueId: string }>
  readonly submit: (message: SubmittedMessage) => Promise<{ queueId: string }>
}

export function openReception(shared: SharedDeps): Reception {
  const judge = makeJudge({ ...shared, settings: shared.config.inbound })
  return {
    authenticator: new Authenticator({ ...shared, settings: shared.config.accounts, tokens: makeTokenCheck({ ...shared, settings: shared.config.oauth, fetch }) }),
    resolveRecipient: async (address) => {
      const found = await shared.resolve(address)
      if (found.kind === 'loop' || (found.kind === 'alias' && !(await reachesSomebody(found.targets, shared.resolve)))) return { kind: 'unknown' }
      return found
    },
    postmaster: () => postmasterAddress({ ...shared, named: shared.config.smtp.postmaster }),
    accept: (message) => acceptMessage({ ...shared, judge }, message),
    submit: (message) => submitMessage(shared, message),
  }
}
