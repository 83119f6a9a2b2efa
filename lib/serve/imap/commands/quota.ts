/**
 * GETQUOTA, GETQUOTAROOT and SETQUOTA: RFC 9208 §4.1.
 *
 * Each account is one root, which holds all of its mailboxes and is called by its address; '' is short for one's own.
 * Its owner and the postmaster of its domain are told of it, the postmaster alone sets its limits; who may read a mailbox
 * of another is told of the root that it fills.
 */
import { parseGetQuota, parseSetQuota, resources, writeQuota, writeQuotaRoot } from '#lib/formats/imap/quota.ts'
import type { QuotaUse, Resource } from '#lib/formats/imap/quota.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { AccountLimits } from '#lib/mail/accounts/limits.ts'
import type { AccountState } from '#lib/mail/mailbox/state.ts'
import type { Answer, Command } from '../command.ts'
import { demandRights } from '../places.ts'
import type { Session } from '../session.ts'
import { parseOneMailbox } from './create.ts'

const KiB = 1024
/** RFC 9208 §5.1 and §5.4 */
const inKiB: readonly Resource[] = ['STORAGE', 'ANNOTATION-STORAGE']

export async function getQuota({ session, lexer }: Command): Promise<Answer> {
  const { account } = await findRoot(session, parseGetQuota(lexer))
  await tellQuota(session, account)
  return {}
}

/** RFC 9208 §4.1.2: the mailbox need not be there, its root is known all the same. */
export async function getQuotaRoot({ session, lexer }: Command): Promise<Answer> {
  const name = parseOneMailbox(lexer, session.nameEncoding)
  const placed = await session.places.place(name)
  // RFC 9208 §6: of others' accounts, who may read a mailbox of theirs.
  if (placed?.place.full !== true) demandRights(await session.find(name, ''), 'r')
  const account = placed?.place.account ?? session.loggedIn.account
  session.output.text(writeQuotaRoot(name, [account.address], session.nameEncoding))
  await tellQuota(session, account)
  return {}
}

export async function setQuota({ session, lexer }: Command): Promise<Answer> {
  const { root, limits } = parseSetQuota(lexer)
  const { account, isPostmaster } = await findRoot(session, root)
  if (!isPostmaster) throw no('Only the postmaster of the domain sets limits', 'NOPERM')
  // 0 stands for any amount here, and for none at all in the protocol.
  if ([...limits.values()].includes(0)) throw no('A limit of nothing cannot be set', 'CANNOT')
  // RFC 9208 §4.1.3: what is not named has no limit any more.
  const octets = (resource: Resource): number => (limits.get(resource) ?? 0) * (inKiB.includes(resource) ? KiB : 1)
  if (![...resources].every((resource) => Number.isSafeInteger(octets(resource)))) throw no('A limit is too large', 'CANNOT')
  const changed = await session.deps.directory.setLimits(account.address, {
    quotaBytes: octets('STORAGE'),
    quotaMessages: octets('MESSAGE'),
    quotaMailboxes: octets('MAILBOX'),
    quotaAnnotationBytes: octets('ANNOTATION-STORAGE'),
  })
  session.log.info('limits-set', { account: changed.address, by: session.loggedIn.account.address, limits: Object.fromEntries(limits) })
  await tellQuota(session, changed)
  return {}
}

/** @throws no; who may not know of an account is not told whether it is there */
async function findRoot(session: Session, root: string): Promise<{ account: Account; isPostmaster: boolean }> {
  const { directory } = session.deps
  const self = session.loggedIn.account
  const isPostmaster = (await directory.domain(self.domain))?.postmaster === self.address
  if (root === '' || root === self.address) return { account: (await directory.account(self.id)) ?? self, isPostmaster }
  const account = isPostmaster ? await directory.user(root) : undefined
  if (account === undefined || account.domain !== self.domain) throw no('There is no such quota root', 'NONEXISTENT')
  return { account, isPostmaster }
}

async function tellQuota(session: Session, account: Account): Promise<void> {
  const limits = session.deps.limitsOf(account)
  const mail = await session.deps.store.open(account.id)
  try {
    session.output.text(writeQuota(account.address, usesOf(mail.state, limits)))
  } finally {
    mail.release()
  }
}

/** RFC 9208 §4.2.1: what has no limit is not named. */
function usesOf(state: AccountState, { bytes, messages, mailboxes, annotationBytes }: AccountLimits): QuotaUse[] {
  const uses: readonly (readonly [Resource, number, number | undefined])[] = [
    ['STORAGE', state.usedBytes, bytes],
    ['MESSAGE', state.messageCount, messages],
    ['MAILBOX', state.mailboxCount, mailboxes],
    ['ANNOTATION-STORAGE', state.annotationBytes, annotationBytes],
  ]
  return uses.flatMap(([resource, usage, limit]) => {
    if (limit === undefined) return []
    const unit = inKiB.includes(resource) ? KiB : 1
    return [{ resource, usage: Math.ceil(usage / unit), limit: Math.floor(limit / unit) }]
  })
}
