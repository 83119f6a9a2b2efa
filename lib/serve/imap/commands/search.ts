/** SEARCH and UID SEARCH: RFC 9051 §6.4.4, ESEARCH, SEARCHRES, CONTEXT=SEARCH (RFC 5267) and PARTIAL (RFC 9394) included. */
import { ImapRefusal } from '#lib/formats/imap/refusal.ts'
import type { Search } from '#lib/formats/imap/search.ts'
import { parseSearch } from '#lib/formats/imap/search.ts'
import { writeSearch } from '#lib/formats/imap/searchResponse.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import type { Answer, Command } from '../command.ts'
import { demandFreshTag } from '../contexts.ts'
import { demandNoCharset, inView, resolveCriteria, searchLimits } from '../criteria.ts'
import { limitSearch } from '../messageLimit.ts'
import { searchProgress } from '../progress.ts'
import { answerSearch } from '../searchAnswer.ts'

export const search = (command: Command) => find(command, false)
export const uidSearch = (command: Command) => find(command, true)

async function find(command: Command, byUid: boolean): Promise<Answer> {
  const { session, lexer } = command
  let request: Search | undefined
  try {
    request = parseSearch(lexer, searchLimits(session))
    return await answer(command, request, byUid)
  } catch (error) {
    // RFC 9051 §6.4.4.1: a SAVE that fails with NO leaves the empty result.
    if (error instanceof ImapRefusal && error.status === 'NO' && request?.returns?.words.has('SAVE') === true) session.selected.saved = []
    throw error
  }
}

async function answer({ session, tag, word }: Command, request: Search, byUid: boolean): Promise<Answer> {
  const { selected, mail, deps } = session
  demandFreshTag(session, tag, request)
  demandNoCharset(session, request)
  if (request.modSeq) session.enableCondstore()
  const { key, limited } = limitSearch(session, await resolveCriteria(session, request.key))
  const found = await searchMessages(mail, { mailboxId: selected.mailboxId, key, now: deps.clock.now(), onProgress: searchProgress(session, tag) })
  // Arrivals the client has not been told of have no sequence number yet.
  const known = inView(selected.view, found.uids)
  const scores = found.scores === undefined || known.uids.length === found.uids.length ? found.scores : found.scores.filter((_, at) => selected.view.sequenceNumberOf(found.uids[at] ?? 0) > 0)
  answerSearch(session, { tag, byUid, request, key, plain: writeSearch }, { ...known, scores })
  return { text: `${word} completed`, limited }
}
