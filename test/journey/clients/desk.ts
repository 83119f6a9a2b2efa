/** A server for the journeys of real clients, and a reader of our own that says what it holds: no client is believed about itself. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { ImapFlow } from 'imapflow'
import { eventually, message, password, startServer } from '../harness.ts'
import type { Pennypost, Stage } from '../harness.ts'

export interface Held {
  readonly uid: number
  readonly subject: string
  /** Sorted; \Recent is never among them. */
  readonly flags: readonly string[]
}

export class Desk {
  readonly stage: Stage
  readonly server: Pennypost
  readonly #settings = new Map<string, string>()

  constructor(stage: Stage, server: Pennypost) {
    this.stage = stage
    this.server = server
  }

  /** The certificate that the server made for itself; it names localhost. */
  get certificate(): string {
    return `${this.server.data}/tls/cert.pem`
  }

  get imaps(): number {
    return this.server.port(993)
  }

  /** Writes a client's settings, and remembers them for docs/clients.md; `more` is what only a test wants. */
  settings(client: string, path: string, text: string, more = ''): void {
    writeFileSync(path, text + more, { mode: 0o600 })
    this.#settings.set(client, text)
  }

  /** The settings that clients were given, by client, as a user of example.com would write them. */
  exampleSettings(): ReadonlyMap<string, string> {
    const words: readonly (readonly [string | RegExp, string])[] = [
      [this.certificate, '/home/ann/mail.pem'],
      [this.stage.directory, '/home/ann'],
      [/\b\w+@ours\.test/g, 'ann@example.com'],
      [/\b\w+%40ours\.test/g, 'ann%40example.com'],
      ['ours.test', 'example.com'],
      [password, 'secret'],
      [encodeURIComponent(password), 'secret'],
      ...[993, 995].map((port) => [String(this.server.port(port)), String(port)] as const),
      ['localhost', 'mail.example.com'],
    ]
    return new Map([...this.#settings].map(([client, text]) => [client, words.reduce((shown, [from, to]) => shown.replaceAll(from, to), text)]))
  }

  /** A home directory of its own for a client, so that nothing of whoever runs the tests is read. */
  home(client: string): string {
    const home = this.stage.path(`home-${client}`)
    mkdirSync(home, { recursive: true, mode: 0o700 })
    return home
  }

  async as<T>(user: string, work: (client: ImapFlow) => Promise<T>): Promise<T> {
    const client = new ImapFlow({ host: 'localhost', port: this.imaps, secure: true, auth: { user: addressOf(user), pass: password }, tls: { rejectUnauthorized: false }, logger: false, disableAutoIdle: true })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.logout()
    }
  }

  /** Every mailbox by name, and what is in it, in order of UID. */
  async holds(user: string): Promise<Readonly<Record<string, readonly Held[]>>> {
    return await eventually(`what ${user} holds can be read`, async () => {
      try {
        return await this.as(user, read)
      } catch (error) {
        // RFC 5530 §3: a client took messages away between our SELECT and our FETCH; then we look again.
        if ((error as { serverResponseCode?: string }).serverResponseCode === 'EXPUNGEISSUED') return false
        throw error
      }
    })
  }

  /** Subject and flags of each message of a mailbox, for short assertions: `['Hello', 'Lunch \\Seen']`. */
  async lines(user: string, mailbox: string): Promise<string[]> {
    return ((await this.holds(user))[mailbox] ?? []).map(({ subject, flags }) => [subject, ...flags].join(' '))
  }

  /** Appends messages with these subjects; each body names its subject. */
  async put(user: string, mailbox: string, subjects: readonly string[], flags: readonly string[] = []): Promise<void> {
    await this.as(user, async (client) => {
      for (const subject of subjects) await client.append(mailbox, letter(user, subject), [...flags])
    })
  }
}

async function read(client: ImapFlow): Promise<Record<string, Held[]>> {
  const mailboxes: Record<string, Held[]> = {}
  for (const { path, flags } of await client.list()) {
    if (flags.has('\\Noselect') || flags.has('\\NonExistent')) continue
    const { exists } = await client.mailboxOpen(path, { readOnly: true })
    const held: Held[] = (mailboxes[path] = [])
    if (exists > 0) for await (const one of client.fetch('1:*', { uid: true, flags: true, envelope: true })) held.push({ uid: one.uid, subject: one.envelope?.subject ?? '', flags: [...(one.flags ?? [])].filter((flag) => flag !== '\\Recent').sort() })
  }
  return mailboxes
}

/** What `put` appends. Subjects are ASCII. */
export function letter(user: string, subject: string): string {
  return message({ from: 'ann@sender.test', to: addressOf(user), subject, body: `The body of ${subject}.` })
}

export const addressOf = (user: string): string => `${user}@ours.test`

export async function openDesk(stage: Stage, users: readonly string[]): Promise<Desk> {
  const server = await startServer(stage, { users: [] })
  const waiting = [...users]
  // Two commands at once: more would only make each of them slower, up to its time limit on a busy machine.
  const lane = async (): Promise<void> => {
    for (let user = waiting.shift(); user !== undefined; user = waiting.shift()) await server.addUser(addressOf(user))
  }
  await Promise.all([lane(), lane()])
  return new Desk(stage, server)
}
