/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side: messages and the arithmetic of proofs (RFC 5802, RFC 7677).
 * Nonces, keys and channel bindings come from the caller.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { readUtf8 } from './utf8.ts'

export interface ClientFirst {
  /** As sent, with its last comma: comes back in the client's final message. */
  readonly gs2Header: string
  /** `n`: the client knows no channel binding; `y`: it thinks that we know none; else the type that it uses. */
  readonly binding: string
  /** Whom to act for; empty: the one who logs in. */
  readonly authzid: string
  readonly login: string
  readonly nonce: string
  /** The message without the header. */
  readonly bare: string
}

export interface ClientFinal {
  /** The header once more, and the octets that name the channel behind it. */
  readonly bindingInput: Buffer
  readonly nonce: string
  readonly proof: Buffer
  readonly withoutProof: string
}

// RFC 5802 §7: a nonce is printable ASCII without comma.
const first = /^((n|y|p=[A-Za-z0-9.-]+),(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^\0]*)?)$/s
const final = /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^\0]*)?),p=([A-Za-z0-9+/]{43}=)$/s

/** Undefined for what breaks the grammar or asks for an unknown mandatory extension. RFC 5802 §7 */
export function parseClientFirst(message: Uint8Array): ClientFirst | undefined {
  const [, gs2Header, flag, authzid = '', bare, login, nonce] = first.exec(readUtf8(message) ?? '') ?? []
  if (gs2Header === undefined || flag === undefined || bare === undefined || login === undefined || nonce === undefined) return undefined
  const names = [readSaslName(authzid), readSaslName(login)]
  if (names[0] === undefined || names[1] === undefined) return undefined
  return { gs2Header, binding: flag.replace(/^p=/, ''), authzid: names[0], login: names[1], nonce, bare }
}

// RFC 5802 §5.1: comma and equals sign are written =2C and =3D; any other = is an error.
function readSaslName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

/** Undefined for what breaks the grammar. */
export function parseClientFinal(message: Uint8Array): ClientFinal | undefined {
  const [, withoutProof, binding, nonce, proof] = final.exec(readUtf8(message) ?? '') ?? []
  if (withoutProof === undefined || binding === undefined || nonce === undefined || proof === undefined) return undefined
  return { withoutProof, bindingInput: Buffer.from(binding, 'base64'), nonce, proof: Buffer.from(proof, 'base64') }
}

/** RFC 5802 §7, cbind-input: what the client's final message must repeat. */
export function bindingInput(gs2Header: string, channel: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(gs2Header), channel])
}

export interface ServerFirst {
  /** The client's and ours after it. */
  readonly nonce: string
  /** Base64. */
  readonly salt: string
  readonly iterations: number
}

export function writeServerFirst({ nonce, salt, iterations }: ServerFirst): string {
  return `r=${nonce},s=${salt},i=${iterations}`
}

/** What both sides sign. RFC 5802 §3 */
export function authMessage(bare: string, serverFirst: string, withoutProof: string): string {
  return `${bare},${serverFirst},${withoutProof}`
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** RFC 5802 §3: the proof gives the client's key away to who knows its hash only. */
export function isProof(proof: Uint8Array, storedKey: Uint8Array, message: string): boolean {
  const signature = hmac(storedKey, message)
  const clientKey = signature.map((octet, index) => octet ^ (proof[index] ?? 0))
  const hashed = createHash('sha256').update(clientKey).digest()
  return proof.length === signature.length && storedKey.length === hashed.length && timingSafeEqual(hashed, storedKey)
}

/** Shows the client that we know its keys. */
export function writeServerFinal(serverKey: Uint8Array, message: string): string {
  return `v=${hmac(serverKey, message).toString('base64')}`
}
