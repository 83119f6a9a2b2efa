/** NOTIFY: RFC 5465. */
import { parseNotify } from '#lib/formats/imap/notify.ts'
import type { Answer, Command } from '../command.ts'
import { Notifications } from '../notifications.ts'

export async function notify({ session, lexer }: Command): Promise<Answer> {
  const request = parseNotify(lexer, session.nameEncoding)
  await session.own.refresh()
  // What came before is told as it was asked for then.
  await session.tellNews(true)
  const notifications = await Notifications.begin(session, request)
  session.notify?.stop()
  session.notify = notifications
  await notifications.tellStates(request.status)
  return {}
}
