/**
 * Sender Rewriting Scheme: a forwarded message gets a reverse path at our own domain, so that SPF speaks for us,
 * and a bounce to that path finds its way back to the first sender.
 * Source: the SRS draft of Shevek, "The Sender Rewriting Scheme" (libsrs2's formats SRS0 and SRS1).
 *
 * Invariants: only addresses with our HMAC are reversed, so nobody can relay through us by making one up; hash and
 * time are digits that survive a change of case, because some servers fold the local part.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { formatLocalPart } from '../address/localPart.ts'

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** 35 bits: no use guessing over SMTP, and short enough for a local part of 64 octets. */
const hashLength = 7
/** RFC 5321 §4.5.3.1.3: 256 with the angle brackets. */
const addressBytes = 254
const dayMs = 24 * 60 * 60 * 1000
/** Days are counted modulo two digits. */
const dayCycle = digits.length * digits.length

export interface SrsKey {
  /** The forwarding domain: whose bounces come to us. */
  readonly domain: string
  readonly secret: string
}

export type SrsReversal =
  /** Where a bounce to this address belongs. */
  | { readonly kind: 'original'; readonly address: string }
  | { readonly kind: 'not-srs' }
  /** Made up, or made with another secret. */
  | { readonly kind: 'forged' }
  | { readonly kind: 'expired' }

/**
 * The reverse path for forwarding mail of `sender`. The null reverse path, an address of the forwarding domain itself, and
 * one that would become longer than a path may be, stay as they are.
 */
export function rewriteSender(sender: string, key: SrsKey, nowMs: number): string {
  const { local, domain } = splitAddress(sender)
  if (domain === '' || domain.toLowerCase() === key.domain.toLowerCase()) return sender
  const rewritten = `${formatLocalPart(rewriteLocalPart(local, domain, key, nowMs))}@${key.domain}`
  return Buffer.byteLength(rewritten) > addressBytes ? sender : rewritten
}

function rewriteLocalPart(local: string, domain: string, key: SrsKey, nowMs: number): string {
  const again = parseSrs1(local)
  if (again !== undefined) return srs1(again.forwarder, again.opaque, key)
  // Forwarded before by someone else: keep that forwarder's SRS0 and shorten the way back to it.
  if (/^SRS0[-+=]/i.test(local)) return srs1(domain, local.slice(4), key)
  const day = formatDay(nowMs)
  return `SRS0=${hash(key.secret, day, domain, local)}=${day}=${domain}=${local}`
}

/** What a bounce to `address`, whose domain is the key's, is meant for. `maxAgeDays` is at most 1023. */
export function reverseSender(address: string, key: SrsKey, nowMs: number, maxAgeDays: number): SrsReversal {
  const { local } = splitAddress(address)
  const far = parseSrs1(local)
  if (far !== undefined) {
    if (!sameHash(far.hash, hash(key.secret, far.forwarder, far.opaque))) return { kind: 'forged' }
    return { kind: 'original', address: `${formatLocalPart(`SRS0${far.opaque}`)}@${far.forwarder}` }
  }
  const near = /^SRS0[-+=]([A-Z2-7]+)=([A-Z2-7]{2})=([^=]+)=(.*)$/is.exec(local)
  if (near === null) return { kind: 'not-srs' }
  const [, given = '', day = '', domain = '', original = ''] = near
  if (!sameHash(given, hash(key.secret, day, domain, original))) return { kind: 'forged' }
  if (ageInDays(day, nowMs) > maxAgeDays) return { kind: 'expired' }
  return { kind: 'original', address: `${formatLocalPart(original)}@${domain}` }
}

export function isSrsAddress(address: string): boolean {
  return /^"?SRS[01][-+=]/i.test(address)
}

function srs1(forwarder: string, opaque: string, key: SrsKey): string {
  return `SRS1=${hash(key.secret, forwarder, opaque)}=${forwarder}=${opaque}`
}

/** `opaque` begins with the separator that stood after the other's SRS0. */
function parseSrs1(local: string): { hash: string; forwarder: string; opaque: string } | undefined {
  const match = /^SRS1[-+=]([^=]+)=([^=]+)=([-+=].*)$/is.exec(local)
  return match === null ? undefined : { hash: match[1] ?? '', forwarder: match[2] ?? '', opaque: match[3] ?? '' }
}

/** The local part with its quoting undone. */
function splitAddress(address: string): { local: string; domain: string } {
  const at = address.lastIndexOf('@')
  const local = at < 0 ? address : address.slice(0, at)
  const bare = local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/gu, '$1') : local
  return { local: bare, domain: at < 0 ? '' : address.slice(at + 1) }
}

/** Case is folded before hashing, since the address may come back in another case. NUL keeps the words apart. */
function hash(secret: string, ...words: string[]): string {
  const octets = createHmac('sha256', secret).update(words.join('\0').toLowerCase()).digest()
  let word = ''
  for (let i = 0; i < hashLength; i++) word += digits[(octets[i] ?? 0) & 31]
  return word
}

function sameHash(given: string, right: string): boolean {
  const folded = Buffer.from(given.toUpperCase())
  return folded.length === right.length && timingSafeEqual(folded, Buffer.from(right))
}

function formatDay(nowMs: number): string {
  const day = Math.floor(nowMs / dayMs) % dayCycle
  return `${digits[day >> 5] ?? 'A'}${digits[day & 31] ?? 'A'}`
}

function ageInDays(day: string, nowMs: number): number {
  const [high = 'A', low = 'A'] = day.toUpperCase()
  const then = digits.indexOf(high) * digits.length + digits.indexOf(low)
  const now = Math.floor(nowMs / dayMs) % dayCycle
  // A stamp of tomorrow (clocks differ) counts as today's.
  const age = (now - then + dayCycle) % dayCycle
  return age === dayCycle - 1 ? 0 : age
}
