/**
 * From an address to a session that is ready for messages: greeting, EHLO, STARTTLS, AUTH.
 *
 * Invariants: whatever goes wrong here is this host's refusal, never the message's end by an exception; TLS is taken where
 * it is offered, and given up for clear text only where nobody demanded it; a password goes only to a smarthost behind TLS,
 * and comes out in no error.
 */
import type { Clock } from '#lib/base/clock.ts'
import { normalizeIp } from '#lib/base/ip.ts'
import type { Config } from '#lib/config.ts'
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { BadReplyError } from '#lib/formats/smtp/serverReply.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import { WireError } from './dial.ts'
import type { Dial, TlsWish } from './dial.ts'
import { HostRefusal, ownFinding, replyFinding } from './outcome.ts'
import { Session, errorFinding } from './session.ts'
import type { SessionSettings } from './session.ts'

export interface ConnectDeps {
  readonly dial: Dial
  readonly clock: Pick<Clock, 'now'>
  /** What we call ourselves in EHLO. */
  readonly hostname: string
  readonly settings: SessionSettings & Pick<Config['outbound'], 'smarthostVerify'>
}

export interface Target {
  readonly host: string
  readonly address: string
  readonly port: number
}

/** What the message or its sender demands of the connection. */
export interface Demands {
  /** RFC 8689 */
  readonly requireTls: boolean
  readonly smarthost?: Smarthost
  readonly deadline: number
  /** Ends the attempt; of a session that is ready no more. */
  readonly signal?: AbortSignal
}

/** Only the handshake failed; the host may still be spoken to in clear. */
class HandshakeFailure extends Error {
  override readonly name = 'HandshakeFailure'
}

/** @throws {HostRefusal} */
export async function openSession(deps: ConnectDeps, target: Target, demands: Demands): Promise<Session> {
  try {
    return await open(deps, target, demands, true)
  } catch (error) {
    if (!(error instanceof HandshakeFailure)) throw error
    // RFC 7435 §3: TLS that cannot be had is no reason to keep mail back that could have gone in clear.
    return await open(deps, target, demands, false)
  }
}

async function open(deps: ConnectDeps, target: Target, demands: Demands, tryTls: boolean): Promise<Session> {
  const { settings, clock } = deps
  const { host, address, port } = target
  const wish: TlsWish = { serverName: host, verify: demands.requireTls || (demands.smarthost !== undefined && settings.smarthostVerify) }
  const connectMs = Math.max(1, Math.min(settings.connectMs, demands.deadline - clock.now()))
  const { signal } = demands
  const wire = await deps.dial({ address, port, connectMs, ...(demands.smarthost?.tls === 'implicit' ? { implicitTls: wish } : {}), ...(signal === undefined ? {} : { signal }) }).catch((error: unknown) => {
    throw new HostRefusal(errorFinding(error, host, `${host}[${address}]`), true)
  })
  const session = new Session(wire, { host, settings, clock })
  session.deadline = demands.deadline
  const giveUp = () => session.break()
  signal?.addEventListener('abort', giveUp)
  try {
    const name = helloName(deps.hostname, wire.localAddress)
    await greet(session, name)
    if (tryTls && session.tls === undefined) await startTls(session, name, wish, demands)
    demandSecurity(session, demands)
    if (demands.smarthost?.login !== undefined) await logIn(session, demands.smarthost)
    return session
  } catch (error) {
    void session.quit()
    if (error instanceof HostRefusal || error instanceof HandshakeFailure) throw error
    throw new HostRefusal(errorFinding(error, host, `${host}[${address}]`), error instanceof WireError && error.kind === 'timeout')
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** RFC 5321 §4.1.4: who has no name that others could look up gives the address. */
function helloName(hostname: string, localAddress: string): string {
  const address = normalizeIp(localAddress)
  if (hostname.includes('.') || address === '') return hostname
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`
}

async function greet(session: Session, hostname: string): Promise<void> {
  const greeting = await session.reply(session.settings.commandMs)
  // RFC 5321 §3.1, RFC 7504 §2: whatever is not 220 says that this host takes no mail, for now or at all.
  if (greeting.code !== 220) throw refusalBy(greeting, session)
  await hello(session, hostname)
  // RFC 5321 §6.3: an address that leads back to this very server would send mail in a circle.
  if (session.offers.hostname === hostname.toLowerCase()) throw new HostRefusal(ownFinding('failed', '5.4.6', `mail loops back to this server: ${session.host} calls itself ${hostname}`, session.host))
}

async function hello(session: Session, hostname: string): Promise<void> {
  const refused = await session.hello(hostname)
  if (refused !== undefined) throw refusalBy(refused, session)
}

function refusalBy(reply: Reply, session: Session): HostRefusal {
  const finding = replyFinding(reply, session.host)
  // A 2yz or 3yz other than the one expected is no consent.
  return new HostRefusal(finding.status === 'delivered' ? { ...finding, status: 'deferred', enhancedCode: '4.5.0' } : finding)
}

// RFC 3207 §4
async function startTls(session: Session, hostname: string, wish: TlsWish, demands: Demands): Promise<void> {
  if (demands.smarthost?.tls === 'none' || !session.offers.startTls) return
  const reply = await session.command('STARTTLS')
  if (reply.code !== 220) return
  try {
    await session.secure(wish.serverName, wish.verify)
  } catch (error) {
    if (demands.requireTls || demands.smarthost !== undefined) throw error
    throw new HandshakeFailure(error instanceof Error ? error.message : String(error))
  }
  // RFC 3207 §4.2: what was offered in clear is forgotten.
  await hello(session, hostname)
}

function demandSecurity(session: Session, { requireTls, smarthost }: Demands): void {
  if (smarthost !== undefined && smarthost.tls !== 'none' && session.tls === undefined) throw new HostRefusal(ownFinding('deferred', '4.7.10', `${session.host} does not offer the TLS that it is set to be used with`, session.host))
  if (!requireTls) return
  if (session.tls === undefined) throw new HostRefusal(ownFinding('failed', '5.7.10', `${session.host} offers no TLS, which the sender demands`, session.host))
  // RFC 8689 §4.2.1: the next host must promise to demand it too.
  if (!session.offers.requireTls || !session.tls.verified) throw new HostRefusal(ownFinding('failed', '5.7.30', `${session.host} does not support REQUIRETLS, which the sender demands`, session.host))
}

async function logIn(session: Session, { login = '', password = '' }: Smarthost): Promise<void> {
  if (session.tls === undefined) throw new HostRefusal(ownFinding('deferred', '4.7.10', `no login to ${session.host} without TLS`, session.host))
  const { auth } = session.offers
  const plain = Buffer.from(`\0${login}\0${password}`).toString('base64')
  const [loginWord, passwordWord] = [Buffer.from(login).toString('base64'), Buffer.from(password).toString('base64')]
  // RFC 4616 §2; LOGIN, of no RFC, for those that have nothing else. RFC 4954 §4
  const steps = auth.includes('PLAIN') ? [`AUTH PLAIN ${plain}`] : auth.includes('LOGIN') ? ['AUTH LOGIN', loginWord, passwordWord] : undefined
  if (steps === undefined) throw new HostRefusal(ownFinding('deferred', '4.7.0', `${session.host} offers no login by PLAIN or LOGIN`, session.host))
  let reply: Reply = { code: 334, lines: [''] }
  for (const step of steps) {
    if (reply.code !== 334) break
    reply = await session.command(step)
  }
  if (reply.code === 235) return
  // A server that repeats what it was sent must not bring the password into a log.
  const lines = reply.lines.map((line) => [plain, passwordWord, password].reduce((text, secret) => (secret === '' ? text : text.replaceAll(secret, '***')), line))
  // The operator can mend it; until then the mail waits.
  throw new HostRefusal({ ...ownFinding('deferred', '4.7.8', `login refused: ${reply.code} ${lines.join('\n')}`, session.host), code: reply.code })
}

/** Errors that are the other side's doing, at any time of a session. */
export function isRemoteError(error: unknown): boolean {
  return error instanceof WireError || error instanceof BadReplyError
}
