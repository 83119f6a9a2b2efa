import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { readRights } from '#lib/formats/imap/acl.ts'
import type { AclChange } from '#lib/formats/imap/acl.ts'
import { ImapRefusal } from '#lib/formats/imap/refusal.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { changeAcl } from '#lib/mail/mailbox/acl.ts'
import { readIdentifier, showIdentifier } from '#lib/mail/mailbox/identifiers.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { repairShares } from '#lib/mail/mailbox/shares.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { CommandError } from '../commandError.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printRows, say } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'

const rightsHelp = '"read" (lrs), "write" (lrswite), "manage" (all), or letters of RFC 4314; + or - in front adds or takes'
const whoHelp = 'user@domain, or "anyone" for everybody of the owner\'s domain; - in front takes rights away, whoever gave them (put -- before the words then)'

/** RFC 4314 §2.1, by what people want. */
const words: Readonly<Record<string, string>> = { read: 'lrs', write: 'lrswite', manage: 'lrswipkxtea' }

export function addShareCommands(mailbox: Command): void {
  const one = (word: string, sentence: string): Command => withPlace(mailbox.command(word).argument('<owner>', 'user@domain').argument('<mailbox>', 'its name, such as INBOX').argument('<who>', whoHelp).description(sentence))
  one('share', 'Shares a mailbox: others see it below "Other Users" in their mail programs.').argument('<rights>', rightsHelp).action(share)
  one('unshare', 'Ends that.').action((owner: string, name: string, who: string, options: PlaceOptions) => share(owner, name, who, '', options))
  withPlace(mailbox.command('shares').argument('[owner]', 'user@domain; without it every account').description('Which mailboxes are shared, with whom, and with which rights.')).action(listShares)
}

async function share(owner: string, name: string, who: string, rights: string, options: PlaceOptions): Promise<void> {
  const change = demandRights(rights)
  const { account, now } = await inPlace(options, async (place) => {
    const found = await demandUser(place, owner)
    const identifier = await readIdentifier(place.directory, who, found.domain)
    if (identifier === undefined) throw new CommandError(`there is no user ${who}`)
    if (identifier === found.id || identifier === `-${found.id}`) throw new CommandError('the owner has every right, whatever is shared')
    return { account: found, now: await withMail(place, found, (mail) => changeRights(mail, name, identifier, change, found.domain)) }
  })
  const value = { owner: showAddress(account.address), mailbox: name, with: who, rights: now }
  say(outputOf(options), now === '' ? `${value.owner} shares ${name} no longer with ${who}` : `${value.owner} shares ${name} with ${who}: ${now}`, value)
}

async function changeRights(mail: AccountMail, name: string, identifier: string, change: AclChange, domain: string): Promise<string> {
  const mailbox = mail.state.mailbox(name)
  if (mailbox === undefined) throw new CommandError(`there is no mailbox ${name}`)
  return await changeAcl(mail, { mailboxId: mailbox.id, identifier, ...change, domain })
}

function demandRights(text: string): AclChange {
  try {
    const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
    return readRights(sign + (words[rest] ?? rest))
  } catch (error) {
    if (error instanceof ImapRefusal) throw new CommandError(`"${text}" are no rights: ${error.message}. Give ${rightsHelp}.`)
    throw error
  }
}

/** Whoever looks also makes sure that those who are named find the way. */
async function listShares(owner: string | undefined, options: PlaceOptions): Promise<void> {
  const rows = await inPlace(options, async (place) => {
    const found = []
    for (const account of owner === undefined ? await place.directory.listUsers() : [await demandUser(place, owner)]) {
      found.push(...(await withMail(place, account, async (mail) => {
        await repairShares(mail, account.domain)
        return await sharesOf(place, account, mail)
      })))
    }
    return found
  })
  printRows(outputOf(options), rows, 'nothing is shared')
}

async function sharesOf({ directory }: Place, account: Account, { state }: AccountMail) {
  const rows = []
  for (const mailbox of state.mailboxes()) {
    for (const [identifier, rights] of mailbox.acl) rows.push({ owner: showAddress(account.address), mailbox: mailbox.name, with: await showIdentifier(directory, identifier), rights })
  }
  return rows
}

async function withMail<T>({ mailStore }: Place, account: Account, work: (mail: AccountMail) => Promise<T>): Promise<T> {
  const mail = await mailStore.open(account.id)
  try {
    return await work(mail)
  } catch (error) {
    if (error instanceof MailboxRefusal) throw new CommandError(error.message)
    throw error
  } finally {
    mail.release()
  }
}

async function demandUser({ directory }: Place, user: string): Promise<Account> {
  const account = await directory.user(user)
  if (account === undefined) throw new CommandError(`there is no user ${user}`)
  return account
}
