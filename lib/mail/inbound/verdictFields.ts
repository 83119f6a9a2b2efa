import type { LogFields } from '#lib/base/log.ts'
import type { Verdict } from '#lib/formats/auth/verdict.ts'

/** A verdict as fields of the event `checked`. */
export function verdictFields({ auth, spam }: Verdict): LogFields {
  return {
    ...(auth === undefined ? {} : { spf: auth.spf.result, dkim: bestDkim(auth.dkim), dmarc: auth.dmarc.result, arc: auth.arc.result, dmarcDomain: auth.dmarc.domain }),
    ...(spam === undefined ? {} : { score: spam.score, reasons: spam.reasons.map(({ name }) => name) }),
  }
}

function bestDkim(results: readonly { readonly result: string }[]): string {
  return results.find(({ result }) => result === 'pass')?.result ?? results[0]?.result ?? 'none'
}
