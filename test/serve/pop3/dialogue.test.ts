import { after } from 'node:test'
import { playFile } from '#test/dialogue/play.ts'
import { openStage } from './stage.ts'

const clear = await openStage({ deps: { allowInsecureLogin: 'never' } })
const implicit = await openStage({ implicitTls: true })
const here = await openStage({ pop3: { maxBadCommands: 5 } })
after(() => Promise.all([clear.stop(0), implicit.stop(0), here.stop(0)]))

const messages = ['Subject: one\r\n\r\nhello\r\n', 'Subject: two\r\n\r\n.\r\n..\r\nlast\r\n.hidden\r\n', 'Subject: three\r\nX: y\r\n\r\n1\r\n2\r\n3\r\n', 'no line end']

const folder = new URL('../../dialogue/pop3/', import.meta.url)
for (const stage of [clear, implicit, here]) {
  const account = await stage.addUser('anna', messages)
  await stage.addUser('jörg')
  const uidValidity = await stage.mailOf(account, (mail) => String(mail.state.mailbox('INBOX')?.uidValidity))
  const played = { connect: () => stage.connect(), values: { validity: uidValidity } }
  if (stage === clear) playFile(new URL('login.txt', folder), played)
  else if (stage === implicit) playFile(new URL('implicit.txt', folder), played)
  else for (const file of ['reading.txt', 'deleting.txt', 'mistakes.txt']) playFile(new URL(file, folder), played)
}
