/** One of the sessions of sessions.test.ts: says a command, and compares every line that it hears with what the model foretells. */
import assert from 'node:assert/strict'
import type { Client } from './client.ts'
import { SessionModel, showSet } from './mailboxModel.ts'
import type { Expected, MailboxModel, Message, Modes, Notify } from './mailboxModel.ts'
import type { Random } from './seeds.ts'

export const flagNames = ['\\Seen', '\\Flagged', '\\Deleted', '$A', '$B']

export interface Scene {
  readonly box: MailboxModel
  readonly login: string
  readonly validity: number
  /** Of the mailbox that messages are copied and moved to. */
  readonly otherValidity: number
  readonly mailboxId: string
  readonly random: Random
  connect(): Promise<Client>
}

/** Some of the messages that the client counts, those that are gone and it does not know of included. */
export interface Stretch {
  readonly uids: readonly number[]
  /** As a set of UIDs, or of numbers. */
  readonly set: string
  readonly byUid: boolean
  readonly there: readonly Message[]
  /** None of them is gone. */
  readonly whole: boolean
}

export function notifyWords(notify: Notify | 'none'): string {
  if (notify === 'none') return 'NOTIFY NONE'
  return `NOTIFY SET (${notify.filter} (MessageNew${notify.items ? ' (UID FLAGS)' : ''} MessageExpunge${notify.flags ? ' FlagChange' : ''}))`
}

export class Player {
  client: Client
  model: SessionModel
  readonly scene: Scene
  /** What it comes back with after a loss of its connection. */
  readonly #modes: Readonly<Modes>
  idle = false
  /** The highest mod-sequence heard of each message, and of the mailbox. */
  readonly #heard = new Map<string, number>()

  private constructor(client: Client, scene: Scene, modes: Modes) {
    this.client = client
    this.scene = scene
    this.#modes = modes
    this.model = new SessionModel(scene.box, { ...modes })
  }

  /** Logged in, with its modes on; no mailbox is selected. */
  static async enter(scene: Scene, modes: Modes): Promise<Player> {
    const player = new Player(await scene.connect(), scene, modes)
    await player.#begin()
    return player
  }

  /** The connection is lost, and the client comes back. */
  async comeBack(): Promise<void> {
    await this.client.close()
    this.client = await this.scene.connect()
    this.model = new SessionModel(this.box, { ...this.#modes })
    await this.#begin()
  }

  async #begin(): Promise<void> {
    const { condstore, qresync, uidOnly, rev2, notify } = this.#modes
    const words = [...(qresync ? ['QRESYNC'] : condstore ? ['CONDSTORE'] : []), ...(uidOnly ? ['UIDONLY'] : []), ...(rev2 ? ['IMAP4rev2'] : [])]
    if (words.length > 0) assert.deepEqual((await this.client.ok(`ENABLE ${words.join(' ')}`)).untagged, [`ENABLED ${words.join(' ')}`])
    if (notify !== undefined) assert.deepEqual((await this.client.ok(notifyWords(notify))).untagged, [])
  }

  get box(): MailboxModel {
    return this.scene.box
  }

  chance(oneIn: number): boolean {
    return this.scene.random(oneIn) === 0
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.scene.random(list.length)]
    if (one === undefined) throw new Error('nothing to choose from')
    return one
  }

  flag(): string {
    return this.pick(flagNames)
  }

  /** Written in one of the ways there are: RFC 9051 §9, sequence-set. */
  stretch(): Stretch {
    const { view, modes } = this.model
    const byUid = modes.uidOnly || this.chance(2)
    const low = this.scene.random(view.length)
    const uids = view.slice(low, low + 1 + this.scene.random(4))
    const numbers = byUid ? uids : uids.map((uid) => this.model.number(uid))
    const [first = 1, last = 1] = [numbers[0], numbers.at(-1)]
    const ways = [showSet(numbers), numbers.toReversed().join(','), `${last}:${first}`, ...(uids.at(-1) === view.at(-1) ? [`${first}:*`, `*:${first}`] : [])]
    const there = uids.map((uid) => this.box.find(uid)).filter((message) => message !== undefined)
    return { uids, set: this.pick(ways), byUid, there, whole: there.length === uids.length }
  }

  async say(words: string, expected: Expected): Promise<void> {
    const { status, text, untagged } = await this.client.command(words)
    const code = /^(\[[^\]]*\])/.exec(text)?.[1]
    assert.deepEqual({ lines: untagged, status: code === undefined ? status : `${status} ${code}` }, expected, words)
    for (const line of [...untagged, text]) this.#hearModSeqs(line)
  }

  async listen(): Promise<void> {
    for (const line of this.model.unasked(this.idle)) {
      assert.equal(await this.client.response(), `* ${line}`)
      this.#hearModSeqs(line)
    }
  }

  /** RFC 7162 §3.1.2: a mod-sequence never goes back. */
  #hearModSeqs(line: string): void {
    const modSeq = /\bMODSEQ \((\d+)\)/.exec(line)?.[1]
    const uid = /^(\d+) UIDFETCH/.exec(line)?.[1] ?? /\bUID (\d+)/.exec(line)?.[1]
    const highest = /HIGHESTMODSEQ (\d+)/.exec(line)?.[1]
    for (const [key, value] of [[uid, modSeq], ['highest', highest]] as const) {
      if (key === undefined || value === undefined) continue
      assert.ok(Number(value) >= (this.#heard.get(key) ?? 0), line)
      this.#heard.set(key, Number(value))
    }
  }
}

export const okWith = (code: string | undefined): string => (code === undefined ? 'OK' : `OK [${code}]`)
