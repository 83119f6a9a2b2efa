/**
 * Gets the server's certificate from an authority and gets it anew before it ends (RFC 8555, by the challenge DNS-01).
 *
 * Invariants: the old certificate stays until the new one is whole; the account with the authority is made once and kept;
 * what was published in DNS is taken away again, also when the authority refused.
 */
import { X509Certificate, generateKeyPair, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { Client } from 'acme-client'
import type { Authorization, Order } from 'acme-client'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { encodePem, joinPem, splitPem } from '#lib/formats/certificate/pem.ts'
import { encodeRequest, encodeRequestInfo } from '#lib/formats/certificate/request.ts'

/** Where what is renewed is kept, as one PEM text each. */
export interface Kept {
  read(name: 'certificate.pem' | 'account-key.pem'): Promise<{ readonly text: string } | undefined>
  write(name: 'certificate.pem' | 'account-key.pem', text: string): Promise<void>
}

/** TXT records in the DNS. Values of one name stand side by side. */
export interface ChallengeRecords {
  /** Resolves when every server of the zone answers so. */
  publish(name: string, values: readonly string[]): Promise<void>
  remove(name: string, values: readonly string[]): Promise<void>
}

export interface RenewDeps {
  readonly kept: Kept
  readonly dns: ChallengeRecords
  readonly directoryUrl: string
  /** Whom the authority may write to; '' for nobody. */
  readonly contact: string
  readonly names: readonly [string, ...string[]]
  readonly renewBeforeMs: number
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** How often the authority is asked how far it is; for tests. */
  readonly lookEveryMs?: number
}

/** @throws what the authority or the DNS said; the next run begins anew */
export async function renewCertificate(deps: RenewDeps): Promise<'kept' | 'renewed'> {
  const why = await reason(deps)
  if (why === undefined) return 'kept'
  deps.log.info('certificate-due', { names: deps.names, reason: why })
  const client = await openAccount(deps)
  const order = await client.createOrder({ identifiers: deps.names.map((value) => ({ type: 'dns', value })) })
  await authorize(deps, client, order)
  const key = await makeKey()
  const certPem = await client.getCertificate(await client.finalizeOrder(order, request(deps.names, key)))
  const pem = joinPem({ certPem, keyPem: pemOf(key.privateKey) })
  const { validTo } = new X509Certificate(splitPem(pem).certPem)
  await deps.kept.write('certificate.pem', pem)
  deps.log.info('certificate-renewed', { names: deps.names, until: new Date(validTo).toISOString() })
  return 'renewed'
}

interface Key {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const makeKey = (): Promise<Key> => promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
const pemOf = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }))

function request(names: RenewDeps['names'], { privateKey, publicKey }: Key): string {
  const info = encodeRequestInfo(names, publicKey.export({ type: 'spki', format: 'der' }))
  return encodePem('CERTIFICATE REQUEST', encodeRequest(info, sign('sha256', info, privateKey)))
}

/** Why there must be a new one; undefined when the one that is there will do. */
async function reason({ kept, names, renewBeforeMs, clock, log }: RenewDeps): Promise<string | undefined> {
  const pem = await kept.read('certificate.pem')
  if (pem === undefined) return 'there is none'
  try {
    const certificate = new X509Certificate(splitPem(pem.text).certPem)
    const leftMs = Date.parse(certificate.validTo) - clock.now()
    if (leftMs < renewBeforeMs) return `it ends ${certificate.validTo}`
    const missing = names.filter((name) => certificate.checkHost(name) === undefined)
    return missing.length === 0 ? undefined : `it does not name ${missing.join(', ')}`
  } catch (error) {
    log.warn('certificate-unreadable', errorFields(error))
    return 'the one that is there cannot be read'
  }
}

async function openAccount({ kept, directoryUrl, contact, lookEveryMs }: RenewDeps): Promise<Client> {
  const known = await kept.read('account-key.pem')
  const accountKey = known?.text ?? pemOf((await makeKey()).privateKey)
  if (known === undefined) await kept.write('account-key.pem', accountKey)
  const client = new Client({ directoryUrl, accountKey, ...(lookEveryMs === undefined ? {} : { backoffMin: lookEveryMs, backoffMax: lookEveryMs, backoffAttempts: 100 }) })
  // RFC 8555 §7.3: for a key that is known the authority answers with its account.
  await client.createAccount({ termsOfServiceAgreed: true, ...(contact === '' ? {} : { contact: [`mailto:${contact}`] }) })
  return client
}

async function authorize({ dns, log }: RenewDeps, client: Client, order: Order): Promise<void> {
  const authorizations = (await client.getAuthorizations(order)).filter(({ status }) => status !== 'valid')
  const challenged = await Promise.all(authorizations.map((authorization) => challengeOf(client, authorization)))
  // A name and its wildcard are proven under one name of the DNS.
  const records = [...Map.groupBy(challenged, ({ name }) => name)].map(([name, all]) => ({ name, values: all.map(({ value }) => value) }))
  try {
    await Promise.all(records.map(({ name, values }) => dns.publish(name, values)))
    await Promise.all(
      challenged.map(async ({ challenge }) => {
        await client.completeChallenge(challenge)
        await client.waitForValidStatus(challenge)
      }),
    )
  } finally {
    for (const { name, values } of records) await dns.remove(name, values).catch((error: unknown) => log.warn('challenge-left', { name, ...errorFields(error) }))
  }
}

interface Challenged {
  readonly name: string
  readonly value: string
  readonly challenge: Authorization['challenges'][number]
}

/** RFC 8555 §8.4 */
async function challengeOf(client: Client, authorization: Authorization): Promise<Challenged> {
  const { value: host } = authorization.identifier
  const challenge = authorization.challenges.find(({ type }) => type === 'dns-01')
  if (challenge === undefined) throw new Error(`the authority offers no DNS-01 challenge for ${host}`)
  return { name: `_acme-challenge.${host}`, value: await client.getChallengeKeyAuthorization(challenge), challenge }
}
