/** A process of its own that files messages: `node writer.ts <directory> <account> <name> <messages>`. Says `ready`, begins when told, and says what is filed. */
import { once } from 'node:events'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { fileText, inboxOf } from './setting.ts'

const [directory = '', accountId = '', name = '', messages = '0'] = process.argv.slice(2)
const log = makeLog(({ event, fields }) => console.error(event, fields), { level: 'warn', now: () => Date.now() })
const config = defaultConfig()
const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: config.engine })
const store = new MailStore({ ...engine, clock: systemClock, log, settings: { ...config.mailbox, snapshotEntries: 7 } })
const account = await store.open(accountId)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
for (let n = 0; n < Number(messages); n++) {
  await fileText(account, { deliveryId: `shared-${n}`, text: 'shared' })
  const { uid } = await fileText(account, { deliveryId: `${name}-${n}`, text: name })
  process.stdout.write(`${name}-${n}\n`)
  const mailboxId = inboxOf(account.state).id
  await changeFlags(account, { mailboxId, uids: [uid], action: 'add', flags: ['\\Seen', name] })
  if (n % 4 === 0) await expungeMessages(account, { mailboxId, uids: [uid], regardless: true })
}
await store.close()
await engine.close()
process.stdin.destroy()
