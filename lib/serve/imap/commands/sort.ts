/** SORT and UID SORT: RFC 5256 §3, with what RFC 5267 lets it return. */
import { parseSort, writeSort } from '#lib/formats/imap/sort.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { sortMessages } from '#lib/mail/mailbox/sort.ts'
import type { Answer, Command } from '../command.ts'
import { demandFreshTag } from '../contexts.ts'
import { inView, resolveCriteria, searchLimits } from '../criteria.ts'
import { demandFew } from '../messageLimit.ts'
import { searchProgress } from '../progress.ts'
import { answerSearch } from '../searchAnswer.ts'

export const sort = (command: Command) => order(command, false)
export const uidSort = (command: Command) => order(command, true)

async function order({ session, lexer, tag, word }: Command, byUid: boolean): Promise<Answer> {
  const request = parseSort(lexer, searchLimits(session))
  const { selected, mail, deps } = session
  const { view, mailboxId } = selected
  demandFreshTag(session, tag, request)
  if (request.modSeq) session.enableCondstore()
  const key = await resolveCriteria(session, request.key)
  demandFew(session, key)
  const found = await searchMessages(mail, { mailboxId, key, now: deps.clock.now(), onProgress: searchProgress(session, tag) })
  const known = inView(view, found.uids)
  const scored = found.scores === undefined ? undefined : new Map(found.uids.map((uid, at) => [uid, found.scores?.[at] ?? 0]))
  const uids = await sortMessages(mail, { mailboxId, uids: known.uids, order: request.order, scores: scored === undefined ? undefined : known.uids.map((uid) => scored.get(uid) ?? 0) })
  const numbers = byUid ? [] : uids.map((uid) => view.sequenceNumberOf(uid))
  answerSearch(session, { tag, byUid, request, key, order: request.order, plain: writeSort }, { uids, numbers, scores: scored === undefined ? undefined : uids.map((uid) => scored.get(uid) ?? 0) })
  return { text: `${word} completed` }
}
