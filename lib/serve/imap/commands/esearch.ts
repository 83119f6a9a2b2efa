/** ESEARCH over several mailboxes: RFC 7377. Results are UIDs, told mailbox by mailbox as they are found. */
import { parseMultiSearch } from '#lib/formats/imap/esearch.ts'
import type { MailboxSource, MultiSearch } from '#lib/formats/imap/esearch.ts'
import { writeMailbox } from '#lib/formats/imap/mailboxName.ts'
import { bad } from '#lib/formats/imap/refusal.ts'
import { rewriteSearch } from '#lib/formats/imap/search.ts'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import { writeEsearch } from '#lib/formats/imap/searchResponse.ts'
import { returnsAll } from '#lib/formats/imap/searchReturn.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import type { Answer, Command } from '../command.ts'
import { demandNoCharset, inView, putFilters, resolveCriteria, searchLimits } from '../criteria.ts'
import type { FoundMailbox } from '../places.ts'
import { searchProgress } from '../progress.ts'
import type { Session } from '../session.ts'

export async function esearch({ session, lexer, tag, word }: Command): Promise<Answer> {
  const request = parseMultiSearch(lexer, session.nameEncoding, searchLimits(session))
  const found = await mailboxesOf(session, request.sources)
  const selectedOnly = request.sources === undefined || request.sources.every(({ kind }) => kind === 'selected')
  demandSingle(request, selectedOnly)
  demandNoCharset(session, request)
  if (request.modSeq) session.enableCondstore()
  const key = selectedOnly ? await resolveCriteria(session, request.key) : demandEverywhere(await putFilters(session, request.key))
  for (const one of found) {
    await tellMailbox(session, tag, request, one, key)
    await session.output.flush()
  }
  return { text: `${word} completed` }
}

/** RFC 7377 §2.2: the result of one mailbox can be saved; RFC 5267 knows of the selected one only. */
function demandSingle({ returns }: MultiSearch, selectedOnly: boolean): void {
  if (returns?.words.has('UPDATE') === true) throw bad('ESEARCH watches no results')
  if (returns?.words.has('SAVE') === true && !selectedOnly) throw bad('SAVE is for the selected mailbox alone')
}

/** RFC 7377 §2: message numbers and `$` mean nothing outside the selected mailbox. */
function demandEverywhere(key: SearchKey): SearchKey {
  return rewriteSearch(key, (one) => {
    if ((one.kind === 'sequence' || one.kind === 'uid') && one.set.saved) throw bad('$ is of the selected mailbox alone')
    if (one.kind === 'sequence') throw bad('Message numbers are of the selected mailbox alone')
    return undefined
  })
}

async function tellMailbox(session: Session, tag: string, request: MultiSearch, { place, mailbox, name }: FoundMailbox, key: SearchKey): Promise<void> {
  const isSelected = session.state === 'selected' && session.selected.place.account.id === place.account.id && session.selected.mailboxId === mailbox.id
  const { uids, scores } = await searchMessages(place.mail, { mailboxId: mailbox.id, key, now: session.deps.clock.now(), onProgress: searchProgress(session, tag) })
  const told = isSelected ? inView(session.selected.view, uids).uids : uids
  const returns = request.returns ?? returnsAll
  if (returns.words.has('SAVE')) session.selected.saved = told
  // RFC 7377 §2.1: nothing is told of mailboxes in which nothing was found.
  if (told.length === 0 || [...returns.words].every((word) => word === 'SAVE' || word === 'CONTEXT')) return
  const scoreOf = scores === undefined ? undefined : new Map(uids.map((uid, at) => [uid, scores[at] ?? 0]))
  const modSeq = request.modSeq ? Math.max(...told.map((uid) => mailbox.modSeqAt(mailbox.indexOf(uid)))) : undefined
  session.output.text(writeEsearch({
    tag, uid: true, mailbox: { name: writeMailbox(name, session.nameEncoding), uidValidity: mailbox.uidValidity },
    returns, numbers: told, modSeq, scores: scoreOf === undefined ? undefined : told.map((uid) => scoreOf.get(uid) ?? 0),
  }))
}

// ---------------------------------------------------------------- which mailboxes

/** Each once, those that may be read; names that are not there are passed over (RFC 7377 §2.2). */
async function mailboxesOf(session: Session, sources: readonly MailboxSource[] | undefined): Promise<FoundMailbox[]> {
  const found = new Map<string, FoundMailbox>()
  for (const source of sources ?? [{ kind: 'selected' as const }]) {
    for (const one of await mailboxesOfSource(session, source)) if (one.rights.includes('r')) found.set(`${one.place.account.id} ${one.mailbox.id}`, one)
  }
  return [...found.values()]
}

async function mailboxesOfSource(session: Session, source: MailboxSource): Promise<FoundMailbox[]> {
  const { places } = session
  switch (source.kind) {
    case 'selected': {
      if (session.state !== 'selected') throw bad('No mailbox is selected')
      const { place } = session.selected
      return [{ place, mailbox: session.mailbox, name: place.prefix + session.mailbox.name, rights: session.rights }]
    }
    case 'personal':
      await session.own.refresh()
      return places.visible(places.own)
    // Where mail is delivered.
    case 'inboxes':
      await session.own.refresh()
      return places.visible(places.own).filter(({ mailbox }) => mailbox.name === 'INBOX')
    case 'subscribed':
      await session.own.refresh()
      return await byNames(session, [...session.own.state.subscriptions])
    case 'mailboxes':
      return await byNames(session, source.names)
    default: {
      const all = (await places.all()).flatMap((place) => places.visible(place))
      return all.filter(({ name }) => source.names.some((root) => name === root || isUnder(name, root, source.kind === 'subtree-one')))
    }
  }
}

function isUnder(name: string, root: string, oneLevel: boolean): boolean {
  // RFC 7377 §2.2: the subtree of the empty name is everything.
  const prefix = root === '' ? '' : `${root}/`
  return name.startsWith(prefix) && (!oneLevel || !name.slice(prefix.length).includes('/'))
}

async function byNames(session: Session, names: readonly string[]): Promise<FoundMailbox[]> {
  const found = await Promise.all(names.map((name) => session.places.look(name)))
  return found.filter((one) => one !== undefined)
}
