/**
 * The certificate that renew-certificate keeps in the bucket, looked at now and then: a new one is used by the next
 * client, without a restart.
 *
 * Invariants: one that cannot be read or used leaves the one in use; before there is any, one made here serves, so that
 * the doors open on the first day too.
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { TlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import { splitPem } from '#lib/formats/certificate/pem.ts'
import { TlsKeeper, makeSelfSigned } from '#lib/serve/tls.ts'

export interface FrontCertificate {
  readonly keeper: TlsKeeper
  stop(): void
}

export interface FrontCertificateDeps {
  readonly objects: Pick<TlsObjects, 'readIfNew'>
  readonly hostname: string
  readonly lookEveryMs: number
  readonly clock: Clock
  readonly log: Log
}

/** While there is none from an authority: it comes soon after the first deployment. */
const firstLookMs = 60_000

export async function openCertificate(deps: FrontCertificateDeps): Promise<FrontCertificate> {
  const { hostname, lookEveryMs, clock, log } = deps
  const { certPem, keyPem } = await makeSelfSigned(hostname)
  const keeper = TlsKeeper.fromPem(certPem, keyPem)
  const seen = await look(deps, keeper, undefined)
  if (seen === undefined) log.warn('certificate-made', { hostname, reason: 'there is none in the bucket yet' })
  const end = new AbortController()
  const watch = async (): Promise<void> => {
    let version = seen
    for (;;) {
      await clock.sleep(version === undefined ? Math.min(firstLookMs, lookEveryMs) : lookEveryMs, end.signal)
      if (end.signal.aborted) return
      version = await look(deps, keeper, version)
    }
  }
  if (lookEveryMs > 0) void watch()
  return { keeper, stop: () => end.abort() }
}

/** Never throws. The version that was looked at last, used or not. */
async function look({ objects, log }: FrontCertificateDeps, keeper: TlsKeeper, known: string | undefined): Promise<string | undefined> {
  let version = known
  try {
    const found = await objects.readIfNew('certificate.pem', known)
    if (found === undefined || found === 'unchanged') return known
    version = found.version
    const { certPem, keyPem } = splitPem(found.text)
    keeper.reload(certPem, keyPem)
    log.info('certificate-loaded', { version })
  } catch (error) {
    log.warn('certificate-refused', errorFields(error))
  }
  return version
}
