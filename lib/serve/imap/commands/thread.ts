/** THREAD and UID THREAD: RFC 5256 §3. */
import { parseThread, writeThreads } from '#lib/formats/imap/thread.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { threadMessages } from '#lib/mail/mailbox/thread.ts'
import type { Answer, Command } from '../command.ts'
import { inView, resolveCriteria, searchLimits } from '../criteria.ts'
import { demandFew } from '../messageLimit.ts'
import { searchProgress } from '../progress.ts'
import { numbersAlong } from '../view.ts'

export const thread = (command: Command) => tie(command, false)
export const uidThread = (command: Command) => tie(command, true)

async function tie({ session, lexer, tag, word }: Command, byUid: boolean): Promise<Answer> {
  const request = parseThread(lexer, searchLimits(session))
  const { selected: { view, mailboxId }, mail, deps, output } = session
  if (request.modSeq) session.enableCondstore()
  const key = await resolveCriteria(session, request.key)
  demandFew(session, key)
  const found = await searchMessages(mail, { mailboxId, key, now: deps.clock.now(), onProgress: searchProgress(session, tag) })
  const roots = await threadMessages(mail, { mailboxId, uids: inView(view, found.uids).uids, algorithm: request.algorithm, numberOf: byUid ? (uid) => uid : numbersAlong(view) })
  output.text(`* THREAD${roots.length === 0 ? '' : ' '}${writeThreads(roots)}\r\n`)
  return { text: `${word} completed` }
}
