/** QUIT: RFC 1939 §4 and §6. The only way to delete. */
import { errorFields } from '#lib/base/log.ts'
import { Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import type { Answer } from '../command.ts'
import type { Session } from '../session.ts'

export async function obeyQuit(session: Session): Promise<Answer> {
  if (session.state === 'authorization') {
    await session.end()
    return 'Goodbye'
  }
  try {
    return await update(session)
  } finally {
    // Before the answer, so that whoever has read it may log in again at once.
    await session.end()
  }
}

async function update({ maildrop, account, log }: Session): Promise<Answer> {
  try {
    const removed = await maildrop.update()
    if (removed > 0) log.info('expunged', { account: account.address, mailbox: 'INBOX', messages: removed })
    return `Goodbye, ${maildrop.count} messages left`
  } catch (error) {
    log.error('maildrop-not-updated', { account: account.address, ...errorFields(error) })
    // RFC 1939 §6: some or none of them are gone.
    throw new Pop3Refusal('Deleted messages could not be removed', 'SYS/TEMP')
  }
}
