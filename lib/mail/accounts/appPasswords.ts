/**
 * App passwords: random tokens, one for each program or device, so that a lost one is revoked without a new password
 * for the person. Being random they need no slow hash: a keyed digest is kept, and one digest checks a login.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { showAddress } from '#lib/formats/address/address.ts'
import { makeScramKeys, scramSalt } from './credentials.ts'
import type { Credentials, Hashing, ScramKeys } from './credentials.ts'
import type { DirectoryDeps } from './deps.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, decodeRow, keys, readPartition, readRow, replace, unchanged } from './rows.ts'
import type { Secret } from './secret.ts'
import { demandUser } from './users.ts'

export interface AppPassword {
  /** Names it when it is revoked; says nothing about the token. */
  readonly id: string
  readonly label: string
  readonly createdAt: number
}

export interface AppPasswordRow extends AppPassword {
  /** Base64. */
  readonly digest: string
  /** Of the token as it was shown and of the bare one, for logins by SCRAM. */
  readonly scram?: readonly ScramKeys[]
}

// 32 signs, none taken for another; 28 of them are 140 random bits.
const signs = 'abcdefghijkmnpqrstuvwxyz23456789'
const token = /^[a-kmnp-z2-9]{28}$/

function makeToken(): string {
  return Array.from(randomBytes(28), (octet) => signs[octet % signs.length]).join('')
}

const inGroups = (text: string): string => text.replace(/(.{4})(?=.)/g, '$1-')

/** The token in what somebody typed, however grouped; undefined when it cannot be one. */
export function readToken(typed: string): string | undefined {
  const bare = typed.replace(/[\s-]/g, '').toLowerCase()
  return token.test(bare) ? bare : undefined
}

export async function digestToken(secret: Secret, accountId: string, bare: string): Promise<Buffer> {
  return await secret.digest('app-password', accountId, bare)
}

export function isDigestOf({ digest }: AppPasswordRow, offered: Buffer): boolean {
  const kept = Buffer.from(digest, 'base64')
  return kept.length === offered.length && timingSafeEqual(kept, offered)
}

/** The token is in the answer and nowhere else, ever. @throws DirectoryRefusal `missing`, `invalid`, `in-use` (too many) */
export async function addAppPassword(deps: DirectoryDeps, hashing: Hashing, { address: text, label }: { readonly address: string; readonly label: string }): Promise<AppPassword & { readonly token: string }> {
  const words = label.trim()
  if (words === '' || words.length > 100 || /[\x00-\x1f\x7f]/.test(words)) throw new DirectoryRefusal('invalid', 'a label has 1 to 100 characters: say which program or device it is for')
  const fresh = makeToken()
  const scram = await tokenScramKeys(deps, hashing, text, fresh)
  const entry = { id: randomBytes(4).toString('hex'), label: words, createdAt: deps.clock.now() }
  await changeRows(deps.table, async () => {
    const { address, account, read } = await demandUser(deps, text)
    const others = await readAppPasswords(deps, account.id)
    if (others.length >= deps.settings.maxAppPasswords) throw new DirectoryRefusal('in-use', `${showAddress(account.address)} has ${others.length} app passwords, revoke one first`)
    if (others.some((other) => other.label === words)) throw new DirectoryRefusal('exists', `${showAddress(account.address)} has an app password "${words}" already`)
    const row = { ...entry, digest: (await digestToken(hashing.secret, account.id, fresh)).toString('base64'), scram } satisfies AppPasswordRow
    return { changes: [unchanged(keys.address(address), read), replace(keys.user(account.id, `app/${entry.id}`), undefined, row)], result: undefined }
  })
  return { ...entry, token: inGroups(fresh) }
}

/** With the salt and iterations of the person's own password, for a client is told one salt before it proves anything. */
async function tokenScramKeys(deps: DirectoryDeps, { hashes, secret }: Hashing, text: string, bare: string): Promise<ScramKeys[]> {
  const { account } = await demandUser(deps, text)
  const credentials = await readRow<Credentials>(deps.table, keys.user(account.id, 'credentials'))
  const shared = credentials?.value.scram ?? { salt: (await scramSalt(secret, account.address)).toString('base64'), iterations: deps.settings.scramIterations }
  return [await makeScramKeys(inGroups(bare), shared, hashes), await makeScramKeys(bare, shared, hashes)]
}

async function readAppPasswords({ table }: DirectoryDeps, accountId: string): Promise<AppPasswordRow[]> {
  const rows: AppPasswordRow[] = []
  for await (const { sort, value } of readPartition(table, `user/${accountId}`)) if (sort.startsWith('app/')) rows.push(decodeRow(value))
  return rows.sort((a, b) => a.createdAt - b.createdAt)
}

/** Oldest first. @throws DirectoryRefusal `missing`, `invalid` */
export async function listAppPasswords(deps: DirectoryDeps, text: string): Promise<AppPassword[]> {
  const { account } = await demandUser(deps, text)
  return (await readAppPasswords(deps, account.id)).map(withoutDigest)
}

/** By id or label. @throws DirectoryRefusal `missing`, `invalid` */
export async function revokeAppPassword(deps: DirectoryDeps, text: string, which: string): Promise<AppPassword> {
  const { account } = await demandUser(deps, text)
  const found = (await readAppPasswords(deps, account.id)).find(({ id, label }) => id === which || label === which)
  if (found === undefined) throw new DirectoryRefusal('missing', `${showAddress(account.address)} has no app password "${which}"`)
  await deps.table.commit([{ delete: keys.user(account.id, `app/${found.id}`) }])
  return withoutDigest(found)
}

function withoutDigest({ id, label, createdAt }: AppPasswordRow): AppPassword {
  return { id, label, createdAt }
}
