/** The server's annotations as a client with NOTIFY was told of them last: RFC 5465 §5.7. */
import { writeMetadataNames } from '#lib/formats/imap/metadata.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import type { AnnotationsSeen } from './notifiedPlace.ts'
import { annotationsSeen, changedEntries } from './notifiedPlace.ts'
import type { OwnChanges } from './ownChanges.ts'
import type { Session } from './session.ts'

export class NotifiedServer {
  readonly #session: Session
  /** Of the domain's shared account, where the shared entries are. */
  readonly #shared: AccountMail | undefined
  #seen: AnnotationsSeen

  private constructor(session: Session, shared: AccountMail | undefined) {
    this.#session = session
    this.#shared = shared
    this.#seen = this.#look()
  }

  static async begin(session: Session): Promise<NotifiedServer> {
    const { shared } = await session.places.serverPlace()
    const mail = shared === undefined ? undefined : await session.deps.store.open(shared.account.id)
    mail?.listen(() => session.input.wake())
    return new NotifiedServer(session, mail)
  }

  stop(): void {
    this.#shared?.release()
  }

  /** Private entries are those of the client's own account. */
  #look(): AnnotationsSeen {
    const { own, loggedIn } = this.#session
    const entries = [...annotationsSeen(own.state.annotations, loggedIn.account.id)].filter(([entry]) => entry.startsWith('/private'))
    const shared = this.#shared === undefined ? [] : [...annotationsSeen(this.#shared.state.annotations, '')].filter(([entry]) => entry !== '/shared/admin')
    return new Map([...shared, ...entries])
  }

  news(own: OwnChanges): string[] {
    const before = this.#seen
    this.#seen = this.#look()
    const entries = changedEntries(before, this.#seen, own, '')
    return entries.length === 0 ? [] : [writeMetadataNames('', entries, this.#session.nameEncoding)]
  }
}
