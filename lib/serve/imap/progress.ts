/** Signs of life while a search waits for the index to be built: RFC 9585 §3. */
import type { Progress } from '#lib/mail/mailbox/textIndex/mailIndex.ts'
import type { Session } from './session.ts'
import { writeString } from '#lib/formats/imap/write.ts'

const everyMs = 10_000

export function searchProgress({ deps, output }: { readonly deps: Pick<Session['deps'], 'clock'>; readonly output: Session['output'] }, tag: string): Progress {
  let last = deps.clock.now()
  return (done, total) => {
    const now = deps.clock.now()
    if (now - last < everyMs || done >= total) return
    last = now
    output.text(`* OK [INPROGRESS (${writeString(tag)} ${done} ${total})] Still reading messages\r\n`)
    output.push()
  }
}
