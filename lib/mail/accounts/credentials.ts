/**
 * A person's password, as it is kept: a slow hash for logins that send the password, and SCRAM-SHA-256 keys beside
 * it for those that do not. From neither can the password be read back.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import saslprep from '@mongodb-js/saslprep'
import type { Config } from '#lib/config.ts'
import type { Secret } from './secret.ts'
import type { ScryptParameters, SlowHashes } from './slowHashes.ts'

export interface ScramKeys {
  /** Base64, as the other two. */
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}

export interface Credentials {
  /** Another one with every change, so that what was remembered about the old password is worthless. */
  readonly version: string
  readonly changedAt: number
  readonly scrypt: ScryptParameters & { readonly salt: string; readonly hash: string }
  readonly scram: ScramKeys
}

const saltBytes = 16
const blockSize = 8

/**
 * RFC 4013 by RFC 5802 §2.2; undefined for what it prohibits (controls, private use, mixed directions) and for nothing
 * at all. Characters younger than Unicode 3.2 are let through unprepared: people do use them.
 */
export function preparePassword(password: string): string | undefined {
  let prepared: string
  try {
    prepared = saslprep(password, { allowUnassigned: true })
  } catch {
    // The library's errors say which character it was, which is the user's secret.
    return undefined
  }
  return prepared === '' ? undefined : prepared
}

/** What hashing needs of a directory. */
export interface Hashing {
  readonly hashes: SlowHashes
  readonly secret: Secret
}

/**
 * Every user's is another, and the same as long as the installation lasts: an unknown user has one as well, so that asking
 * tells nothing, and app passwords share the person's, so that a proof can be held against all of them (RFC 5802 §9).
 */
export async function scramSalt(secret: Secret, address: string): Promise<Buffer> {
  return (await secret.digest('scram-salt', address)).subarray(0, saltBytes)
}

export async function makeScramKeys(prepared: string, { salt, iterations }: Pick<ScramKeys, 'salt' | 'iterations'>, hashes: SlowHashes): Promise<ScramKeys> {
  return { salt, iterations, ...scramKeys(await hashes.pbkdf2(prepared, Buffer.from(salt, 'base64'), iterations)) }
}

export type HashSettings = Pick<Config['accounts'], 'scryptCost' | 'scryptParallel' | 'scramIterations'>

export interface NewPassword {
  readonly address: string
  readonly prepared: string
  readonly changedAt: number
}

export async function makeCredentials({ address, prepared, changedAt }: NewPassword, { hashes, secret }: Hashing, settings: HashSettings): Promise<Credentials> {
  const parameters = scryptParameters(settings)
  const salt = randomBytes(saltBytes)
  const hash = await hashes.scrypt(prepared, salt, parameters)
  const scram = { salt: (await scramSalt(secret, address)).toString('base64'), iterations: settings.scramIterations }
  return {
    version: randomBytes(9).toString('base64url'),
    changedAt,
    scrypt: { ...parameters, salt: salt.toString('base64'), hash: hash.toString('base64') },
    scram: await makeScramKeys(prepared, scram, hashes),
  }
}

export function scryptParameters({ scryptCost, scryptParallel }: HashSettings): ScryptParameters {
  return { cost: scryptCost, blockSize, parallel: scryptParallel }
}

// RFC 5802 §3
function scramKeys(salted: Uint8Array): { storedKey: string; serverKey: string } {
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  return {
    storedKey: createHash('sha256').update(clientKey).digest('base64'),
    serverKey: createHmac('sha256', salted).update('Server Key').digest('base64'),
  }
}

export async function verifyPassword(prepared: string, { scrypt }: Pick<Credentials, 'scrypt'>, hashes: SlowHashes): Promise<boolean> {
  const hash = await hashes.scrypt(prepared, Buffer.from(scrypt.salt, 'base64'), scrypt)
  const kept = Buffer.from(scrypt.hash, 'base64')
  return hash.length === kept.length && timingSafeEqual(hash, kept)
}
