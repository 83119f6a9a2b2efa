/**
 * Several sessions work on one mailbox at once with commands drawn by seed. Each keeps its own picture from what it is
 * told by untagged responses alone; in the end that picture must be the one a fresh session gets.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Client } from './client.ts'
import type { Answer } from './client.ts'
import { makeRandom, testWithSeeds } from './seeds.ts'
import { openStage } from './stage.ts'
import type { Stage } from './stage.ts'

const stage = await openStage({ slowEngine: true })
const neighbour = await openStage({ engine: stage.engine })
/** Looks at the end of the log whenever it may. */
const curious = await openStage({ engine: stage.engine, imap: { newsEveryMs: 0 } })
after(() => Promise.all([stage.stop(0), neighbour.stop(0), curious.stop(0)]))

interface Row {
  uid: number | undefined
  flags: string
}

/** What the client believes, by the rules every client goes by. */
class Picture {
  rows: Row[] = []
  readonly byUid: boolean

  constructor(byUid = false) {
    this.byUid = byUid
  }

  hear({ untagged }: Answer, numbersFixed: boolean): void {
    for (const response of untagged) {
      const [, number, word, rest = ''] = /^(\d+) (EXISTS|EXPUNGE|FETCH|UIDFETCH)(.*)$/.exec(response) ?? []
      const at = Number(number)
      const vanished = /^VANISHED ((?:\(EARLIER\) )?)(.*)$/.exec(response)
      if (vanished !== null) {
        assert.ok(!numbersFixed || vanished[1] !== '', 'VANISHED in an answer by sequence number')
        // EARLIER: those that it counts are not among them.
        for (const uid of expand(vanished[2] ?? '')) if (vanished[1] === '') this.rows.splice(this.#rowOf(uid), 1)
      }
      if (word === 'EXISTS') {
        assert.ok(at >= this.rows.length, `EXISTS ${at} after ${this.rows.length}`)
        while (this.rows.length < at) this.rows.push({ uid: undefined, flags: '?' })
      } else if (word === 'EXPUNGE') {
        assert.ok(!numbersFixed, 'EXPUNGE in an answer by sequence number')
        assert.ok(at >= 1 && at <= this.rows.length, `EXPUNGE ${at} of ${this.rows.length}`)
        this.rows.splice(at - 1, 1)
      } else if (word === 'FETCH') this.#fetched(at, rest)
      else if (word === 'UIDFETCH') this.#fetched(this.#rowOf(at) + 1, `UID ${at} ${rest}`)
    }
  }

  /** Of a message whose UID it may not have been told yet: UIDs ascend, so it can stand in one place only. */
  #rowOf(uid: number): number {
    const known = this.rows.findIndex((row) => row.uid === uid)
    if (known >= 0) return known
    if (this.byUid) return this.#place(uid)
    const above = this.rows.findIndex((row) => row.uid !== undefined && row.uid > uid)
    const before = above < 0 ? this.rows.length - 1 : above - 1
    assert.ok(this.rows[before] !== undefined && this.rows[before].uid === undefined, `UID ${uid} is none of ${this.rows.map((row) => row.uid ?? '?').join(',')}`)
    let first = before
    while (first > 0 && this.rows[first - 1]?.uid === undefined) first--
    return first
  }

  /** Without numbers nobody knows where the unknown ones stand: one of them is this. */
  #place(uid: number): number {
    const unknown = this.rows.findIndex((row) => row.uid === undefined)
    assert.ok(unknown >= 0, `UID ${uid} is none of ${this.rows.map((row) => row.uid ?? '?').join(',')}`)
    this.rows.splice(unknown, 1)
    const above = this.rows.findIndex((row) => row.uid === undefined || row.uid > uid)
    const at = above < 0 ? this.rows.length : above
    this.rows.splice(at, 0, { uid, flags: '?' })
    return at
  }

  /** It comes back with what it knows: RFC 7162 §3.2.5. */
  resync({ untagged }: Answer): void {
    const gone = new Set(untagged.flatMap((response) => expand(/^VANISHED \(EARLIER\) (.*)$/.exec(response)?.[1] ?? '')))
    const fetched = untagged.map((response) => /^(?:(\d+) UIDFETCH \(|\d+ FETCH \(UID (\d+) )FLAGS \(([^)]*)\)/.exec(response)).filter((match) => match !== null)
    const flagsOf = new Map(this.rows.map((row) => [row.uid, row.flags]))
    for (const uid of gone) flagsOf.delete(uid)
    for (const match of fetched) flagsOf.set(Number(match[1] ?? match[2]), sorted((match[3] ?? '').split(' ')))
    this.rows = [...flagsOf].map(([uid, known]) => ({ uid, flags: known })).sort((a, b) => (a.uid ?? 0) - (b.uid ?? 0))
    assert.ok(untagged.includes(`${this.rows.length} EXISTS`), `${this.rows.length} known, told: ${untagged.join('; ')}`)
  }

  #fetched(at: number, items: string): void {
    const row = this.rows[at - 1]
    assert.ok(row !== undefined, `FETCH ${at} of ${this.rows.length}`)
    const uid = /UID (\d+)/.exec(items)?.[1]
    if (uid !== undefined) {
      assert.ok(row.uid === undefined || row.uid === Number(uid), `message ${at} was UID ${row.uid}, is told as ${uid}`)
      row.uid = Number(uid)
    }
    const flags = /FLAGS \(([^)]*)\)/.exec(items)?.[1]
    if (flags !== undefined) row.flags = sorted(flags.split(' '))
  }

  /** A silent STORE: the client works it out. */
  assume(numbers: readonly number[], action: string, flag: string): void {
    for (const at of numbers) {
      const row = this.rows[at - 1]
      if (row === undefined || row.flags === '?') continue
      const flags = new Set(row.flags.split(' ').filter((one) => one !== ''))
      if (action === '+') flags.add(flag)
      else flags.delete(flag)
      row.flags = sorted([...flags])
    }
  }
}

function expand(set: string): number[] {
  return set === '' ? [] : set.split(',').flatMap((run) => {
    const [first = 0, last = first] = run.split(':').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}

const sorted = (flags: readonly string[]) => flags.filter((flag) => flag !== '').sort().join(' ')
const flags = ['\\Seen', '\\Flagged', '\\Deleted', '$A', '$B']

type Mode = 'plain' | 'CONDSTORE' | 'QRESYNC' | 'UIDONLY'

class Player {
  readonly client: Client
  readonly picture: Picture
  readonly #random: (below: number) => number
  readonly #mode: Mode
  #validity = ''
  /** Up to here it has heard of everything. */
  #modSeq = '1'

  constructor(client: Client, random: (below: number) => number, mode: Mode) {
    this.client = client
    this.#random = random
    this.#mode = mode
    this.picture = new Picture(mode === 'UIDONLY')
  }

  async enter(): Promise<void> {
    if (this.#mode !== 'plain') await this.client.ok(`ENABLE ${this.#mode}${this.#mode === 'UIDONLY' ? ' QRESYNC' : ''}`)
    const answer = await this.client.ok('SELECT Work')
    this.#validity = /UIDVALIDITY (\d+)/.exec(answer.untagged.join())?.[1] ?? ''
    this.#heed(answer)
    this.picture.hear(answer, false)
  }

  #heed({ untagged, text }: Answer): void {
    for (const line of [...untagged, text]) this.#modSeq = /\[HIGHESTMODSEQ (\d+)\]/.exec(line)?.[1] ?? this.#modSeq
  }

  async step(): Promise<void> {
    const count = this.picture.rows.length
    const choice = this.#random(count === 0 ? 2 : 12)
    const knowsAll = this.picture.rows.every(({ uid, flags: known }) => uid !== undefined && known !== '?')
    if ((this.#mode === 'QRESYNC' || this.#mode === 'UIDONLY') && knowsAll && this.#random(6) === 0) return await this.#comeBack()
    if (choice === 0) return await this.#run('NOOP', false)
    if (choice === 1) return await this.#run(`APPEND Work (${this.#flag()}) {6+}\r\na: b\r\n`, false)
    const low = 1 + this.#random(count)
    const high = Math.min(count, low + this.#random(3))
    const numbers = Array.from({ length: high - low + 1 }, (_, at) => low + at)
    if (this.#mode === 'UIDONLY') return await this.#stepByUid(choice, numbers)
    if (choice <= 4) return await this.#silentStore(numbers)
    const uids = numbers.map((at) => this.picture.rows[at - 1]?.uid).filter((uid) => uid !== undefined)
    if (choice === 5) return await this.#run('EXPUNGE', false)
    if (choice === 6 && uids.length > 0) return await this.#run(`UID MOVE ${uids.join(',')} ${this.#random(3) === 0 ? 'Work' : 'Sent'}`, false)
    if (choice === 7) return await this.#run(`COPY ${low}:${high} ${this.#random(2) === 0 ? 'Work' : 'Sent'}`, false)
    if (choice === 8) return await this.#run(`STORE ${low}:${high} FLAGS (${this.#flag()} ${this.#flag()})`, true)
    if (choice === 9 && uids.length > 0) return await this.#run(`UID STORE ${uids.join(',')} -FLAGS (${this.#flag()})`, false)
    if (choice === 10) return await this.#run(`SEARCH KEYWORD $A`, true)
    return await this.#run(`FETCH ${low}:${high} (UID FLAGS)`, true)
  }

  /** The same without numbers. */
  async #stepByUid(choice: number, numbers: readonly number[]): Promise<void> {
    const uids = numbers.map((at) => this.picture.rows[at - 1]?.uid).filter((uid) => uid !== undefined)
    if (choice <= 3 || uids.length === 0) return await this.#run('UID FETCH 1:* (FLAGS)', false)
    if (choice === 4) return await this.#run(`UID STORE ${uids.join(',')} +FLAGS (${this.#flag()})`, false)
    if (choice === 5) return await this.#run(`UID EXPUNGE ${uids.join(',')}`, false)
    if (choice === 6) return await this.#run(`UID MOVE ${uids.join(',')} Work`, false)
    if (choice === 7) return await this.#run(`UID REPLACE ${uids[0] ?? 0} Work {6+}\r\na: c\r\n`, false)
    if (choice === 8) return await this.#run(`UID COPY ${uids.join(',')} Work`, false)
    return await this.#run(`UID STORE ${uids.join(',')} FLAGS (${this.#flag()} ${this.#flag()})`, false)
  }

  async #comeBack(): Promise<void> {
    const known = this.picture.rows.map(({ uid }) => uid ?? 0)
    // What came since is told too: the known ones are a help, not a limit.
    const answer = await this.client.ok(`SELECT Work (QRESYNC (${this.#validity} ${this.#modSeq}${known.length === 0 || this.#random(2) === 0 ? '' : ` 1:4294967295`}))`)
    this.#heed(answer)
    this.picture.resync(answer)
  }

  #flag(): string {
    return flags[this.#random(flags.length)] ?? ''
  }

  async #run(words: string, numbersFixed: boolean): Promise<void> {
    const answer = await this.client.command(words)
    assert.match(`${answer.status} ${answer.text}`, /^OK |^NO \[(EXPUNGEISSUED|NONEXISTENT)\] /, words)
    this.picture.hear(answer, numbersFixed)
    if (this.#mode !== 'plain') this.#heed(answer)
  }

  async #silentStore(numbers: readonly number[]): Promise<void> {
    const action = this.#random(2) === 0 ? '+' : '-'
    const flag = this.#flag()
    const answer = await this.client.command(`STORE ${numbers.join(',')} ${action}FLAGS.SILENT (${flag})`)
    // First what the client knows, then what it is told: news come after the change they follow.
    this.picture.assume(numbers, action, flag)
    this.picture.hear(answer, true)
  }
}

async function playRound(login: string, seed: number, servers: readonly Stage[]): Promise<void> {
  const random = makeRandom(seed)
  const players: Player[] = []
  for (const [at, mode] of (['plain', 'CONDSTORE', 'QRESYNC', 'UIDONLY'] as const).entries()) {
    const client = await Client.enter((servers[(at + seed) % servers.length] ?? stage).connect(), login)
    if (at === 0) await client.ok('CREATE Work')
    const player = new Player(client, makeRandom(seed + 1000 + at), mode)
    await player.enter()
    players.push(player)
  }
  for (let round = 0; round < 40; round++) {
    // Some rounds one after the other, some at the same time.
    const turns = players.filter(() => random(3) > 0)
    if (random(2) === 0) await Promise.all(turns.map((player) => player.step()))
    else for (const player of turns) await player.step()
  }
  const fresh = await Client.enter(stage.connect(), login)
  const truth = new Picture()
  truth.hear(await fresh.ok('SELECT Work'), false)
  truth.hear(await fresh.ok('UID FETCH 1:* FLAGS'), false)
  for (const { client, picture } of players) {
    picture.hear(await client.ok('NOOP'), false)
    const told = picture.rows.map(({ uid, flags: known }, at) => ({ uid: uid ?? truth.rows[at]?.uid, flags: known === '?' ? truth.rows[at]?.flags : known }))
    if (!picture.byUid) assert.deepEqual(told, truth.rows)
    assert.equal(told.length, truth.rows.length)
    // And what it asks for now agrees with what it was told.
    picture.hear(await client.ok('UID FETCH 1:* FLAGS'), false)
    assert.deepEqual(picture.rows, truth.rows)
    await client.close()
  }
  await fresh.close()
}

const fixed = Array.from({ length: 12 }, (_, at) => (at + 1) * 7919)
testWithSeeds('four sessions and a fresh one agree on a mailbox', fixed, (seed) => playRound(`views${seed}`, seed, [stage]))
testWithSeeds('sessions on two servers and a fresh one agree on a mailbox', fixed, (seed) => playRound(`apart${seed}`, seed, [stage, neighbour]))

test('a silent STORE that overtakes, or is overtaken by, the change of another session hides nothing', async () => {
  const [one, two] = await Promise.all([Client.enter(stage.connect(), 'race'), Client.enter(stage.connect(), 'race')])
  await one.ok('APPEND INBOX {6+}\r\na: b\r\n')
  await one.ok('SELECT INBOX')
  await two.ok('SELECT INBOX')
  for (let round = 0; round < 20; round++) {
    const action = round % 2 === 0 ? '+' : '-'
    const loud = one.ok(`STORE 1 ${action}FLAGS (\\Flagged)`)
    const silent = await two.ok(`STORE 1 ${action}FLAGS.SILENT (\\Seen)`)
    await loud
    const heard = [...silent.untagged, ...(await two.ok('NOOP')).untagged]
    assert.ok(heard.some((response) => response.endsWith(`FLAGS (${action === '+' ? '\\Flagged \\Seen' : ''}))`)), heard.join('; '))
    await one.ok('NOOP')
  }
  await Promise.all([one.close(), two.close()])
})

test('a session that idles on one server hears what is done on another', async () => {
  const idler = await Client.enter(stage.connect(), 'bell')
  await idler.ok('SELECT INBOX')
  idler.send('i IDLE\r\n')
  assert.equal(await idler.response(), '+ idling')
  const other = await Client.enter(neighbour.connect(), 'bell')
  await other.ok('APPEND INBOX {6+}\r\na: b\r\n')
  assert.equal(await idler.response(), '* 1 EXISTS')
  await other.ok('SELECT INBOX')
  await other.ok('STORE 1 +FLAGS (\\Deleted)')
  assert.equal(await idler.response(), '* 1 FETCH (UID 1 FLAGS (\\Deleted))')
  await other.ok('CLOSE')
  assert.equal(await idler.response(), '* 1 EXPUNGE')
  await Promise.all([idler.close(), other.close()])
})

test('UID SEARCH and UID FETCH see what was done on another server a moment ago; numbers stay what they were', async () => {
  const [here, there] = await Promise.all([Client.enter(curious.connect(), 'look'), Client.enter(stage.connect(), 'look')])
  await there.ok('APPEND INBOX {6+}\r\na: b\r\n {6+}\r\na: c\r\n')
  await here.ok('SELECT INBOX')
  await there.ok('SELECT INBOX')
  await there.ok('APPEND INBOX {6+}\r\na: d\r\n')
  assert.deepEqual((await here.ok('UID SEARCH ALL')).untagged, ['3 EXISTS', 'SEARCH 1 2 3'])
  await there.ok('STORE 1 +FLAGS (\\Deleted)')
  assert.deepEqual((await here.ok('UID FETCH 1 (FLAGS)')).untagged, ['1 FETCH (UID 1 FLAGS (\\Deleted))', '1 FETCH (UID 1 FLAGS (\\Deleted))'])
  await there.ok('EXPUNGE')
  assert.deepEqual((await here.ok('FETCH 2 (UID)')).untagged, ['2 FETCH (UID 2)'])
  assert.deepEqual((await here.ok('COPY 2 Sent')).text.replace(/\d{5,}/, ''), '[COPYUID  2 1] COPY completed')
  assert.deepEqual((await here.ok('UID FETCH 1:* (FLAGS)')).untagged, ['1 FETCH (UID 2 FLAGS ())', '2 FETCH (UID 3 FLAGS ())'])
  await Promise.all([here.close(), there.close()])
})

test('a session with NOTIFY hears unasked what is done on another server', async () => {
  const [here, there] = await Promise.all([Client.enter(neighbour.connect(), 'notified'), Client.enter(stage.connect(), 'notified')])
  await here.ok('SELECT INBOX')
  await here.ok('NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) (personal (MessageNew MessageExpunge MailboxName))')
  await there.ok('APPEND INBOX {6+}\r\na: b\r\n')
  assert.deepEqual([await here.response(), await here.response()], ['* 1 EXISTS', '* 1 FETCH (UID 1)'])
  await there.ok('CREATE New')
  assert.equal(await here.response(), '* LIST (\\HasNoChildren) "/" New')
  await there.ok('APPEND New {6+}\r\na: b\r\n')
  assert.match(await here.response(), /^\* STATUS New \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)$/)
  // Nothing is told twice, and nothing after NOTIFY NONE.
  await here.ok('NOTIFY NONE')
  await there.ok('APPEND New {6+}\r\na: b\r\n')
  assert.deepEqual((await here.ok('NOOP')).untagged, [])
  await Promise.all([here.close(), there.close()])
})
