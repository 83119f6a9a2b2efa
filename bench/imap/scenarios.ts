/** What is measured. Each scenario leaves the mailbox as it found it, for the next server and the next run. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadClient } from './client.ts'
import { appendCommand, letter, rare } from './letters.ts'
import type { Target } from './target.ts'
import { logIn } from './target.ts'

export interface Ground {
  readonly target: Target
  readonly user: string
  readonly mailbox: string
  /** Number of this run, from 0. */
  readonly run: number
  /** Times the work, and notes it under this name. */
  readonly measure: <T>(name: string, work: () => Promise<T>) => Promise<T>
  /** Notes a time that was taken otherwise, ms. */
  readonly note: (name: string, ms: number) => void
}

export type Scenario = (ground: Ground) => Promise<void>

/** Messages of COPY, MOVE, EXPUNGE and STORE of many, and changes of the long resynchronisation. */
const many = 10_000
/** Where mailboxes for the moment are made. */
const spare = 'bench-spare'
const spareToo = 'bench-spare-too'

async function withMailbox({ target, user, mailbox }: Ground, work: (client: LoadClient, exists: number) => Promise<void>): Promise<void> {
  const client = await logIn(target, user)
  try {
    const { lines } = await client.command(`SELECT ${mailbox}`, undefined)
    if (lines.length === 0) throw new Error('no answer to SELECT')
    await work(client, await countOf(client, mailbox))
  } finally {
    await client.end()
  }
}

async function countOf(client: LoadClient, mailbox: string): Promise<number> {
  const { lines } = await client.command(`STATUS ${mailbox} (MESSAGES)`, 'STATUS')
  return Number(/MESSAGES (\d+)/.exec(lines[0] ?? '')?.[1] ?? 0)
}

async function demand(counted: number | undefined, wanted: number, what: string): Promise<void> {
  if ((counted ?? 0) < wanted) throw new Error(`${what}: ${counted ?? 0} of ${wanted}`)
  await Promise.resolve()
}

function oneCommand(name: string, text: (exists: number) => string, answers?: (exists: number) => number): Scenario {
  return async (ground) =>
    await withMailbox(ground, async (client, exists) => {
      const { counts } = await ground.measure(name, () => client.command(text(exists)))
      if (answers !== undefined) await demand(counts.FETCH, answers(exists), name)
    })
}

function searches(queries: Readonly<Record<string, string>>): Scenario {
  return async (ground) =>
    await withMailbox(ground, async (client) => {
      for (const [name, query] of Object.entries(queries)) await ground.measure(name, () => client.command(query))
    })
}

async function remake(client: LoadClient, mailbox: string): Promise<void> {
  await client.command(`DELETE ${mailbox}`).catch(() => undefined)
  await client.command(`CREATE ${mailbox}`)
}

async function logins(ground: Ground, sessions: number, each: number): Promise<void> {
  await ground.measure(`${sessions * each} logins, ${sessions} at once`, async () => {
    await Promise.all(
      Array.from({ length: sessions }, async (_, session) => {
        for (let turn = 0; turn < each; turn++) await (await logIn(ground.target, `u${String(((session * each + turn) % 50) + 1).padStart(3, '0')}`)).end()
      }),
    )
  })
}

async function fetchRandom(ground: Ground): Promise<void> {
  await withMailbox(ground, async (client, exists) => {
    const step = Math.max(1, Math.floor(exists / 500))
    await ground.measure('500 single bodies', async () => {
      for (let turn = 0; turn < 500; turn++) await client.command(`FETCH ${((turn * 7919 * step + ground.run) % exists) + 1} BODY.PEEK[]`)
    })
  })
}

async function store(ground: Ground, count: number, words: string): Promise<void> {
  await withMailbox(ground, async (client, exists) => {
    const last = Math.min(count, exists)
    await client.command(`STORE 1:${last} -FLAGS.SILENT (\\Flagged)`)
    const { counts } = await ground.measure(`STORE +FLAGS on ${words}`, () => client.command(`STORE 1:${last} +FLAGS (\\Flagged)`))
    await demand(counts.FETCH, last, 'STORE')
    await ground.measure(`STORE -FLAGS.SILENT on ${words}`, () => client.command(`STORE 1:${last} -FLAGS.SILENT (\\Flagged)`))
  })
}

async function storeSingly(ground: Ground): Promise<void> {
  await withMailbox(ground, async (client, exists) => {
    await ground.measure('200 single STORE', async () => {
      for (let turn = 0; turn < 200; turn++) await client.command(`STORE ${((turn * 37) % exists) + 1} ${turn % 2 === 0 ? '+' : '-'}FLAGS (\\Answered)`)
    })
  })
}

async function copyMoveExpunge(ground: Ground): Promise<void> {
  await withMailbox(ground, async (client, exists) => {
    const last = Math.min(many, exists)
    await remake(client, spare)
    await remake(client, spareToo)
    await ground.measure('COPY of 10k', () => client.command(`COPY 1:${last} ${spare}`))
    await client.command(`SELECT ${spare}`)
    await demand(await countOf(client, spare), last, 'COPY')
    await ground.measure('MOVE of 10k', () => client.command(`MOVE 1:${last} ${spareToo}`))
    await client.command(`SELECT ${spareToo}`)
    await demand(await countOf(client, spareToo), last, 'MOVE')
    await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)')
    await ground.measure('EXPUNGE of 10k', () => client.command('EXPUNGE'))
    await client.command('CLOSE')
    for (const name of [spare, spareToo]) await client.command(`DELETE ${name}`)
  })
}

async function append(ground: Ground, count: number, together: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => letter(index + ground.run * count))
  const client = await logIn(ground.target, ground.user)
  const { lines } = await client.command(`STATUS ${ground.mailbox} (UIDNEXT)`, 'STATUS')
  const first = Number(/UIDNEXT (\d+)/.exec(lines[0] ?? '')?.[1])
  await ground.measure(together === 1 ? `${count} APPEND` : `MULTIAPPEND of ${count}`, async () => {
    for (let at = 0; at < count; at += together) await client.command(appendCommand(ground.mailbox, messages.slice(at, at + together)))
  })
  await client.command(`SELECT ${ground.mailbox}`)
  await client.command(`UID STORE ${first}:* +FLAGS.SILENT (\\Deleted)`)
  await client.command('EXPUNGE')
  await client.end()
}

/** RFC 7162 §3.2.5 */
async function resync(ground: Ground, changes: number, words: string): Promise<void> {
  const { target, user, mailbox } = ground
  const other = await logIn(target, user)
  await other.command(`SELECT ${mailbox}`)
  // Every second message, so that they are no run.
  const count = Math.min(changes, Math.floor((await countOf(other, mailbox)) / 2))
  const set = Array.from({ length: count }, (_, index) => index * 2 + 1)
  const store = async (action: '+' | '-') => {
    for (let at = 0; at < count; at += 500) await other.command(`STORE ${set.slice(at, at + 500).join(',')} ${action}FLAGS.SILENT (\\Draft)`)
  }
  await store('-')
  const { lines } = await other.command(`STATUS ${mailbox} (UIDVALIDITY HIGHESTMODSEQ)`, 'STATUS')
  const [validity, modSeq] = ['UIDVALIDITY', 'HIGHESTMODSEQ'].map((word) => Number(new RegExp(`${word} (\\d+)`).exec(lines[0] ?? '')?.[1]))
  await store('+')
  await other.end()
  const client = await logIn(target, user)
  await client.command('ENABLE QRESYNC')
  const { counts } = await ground.measure(`QRESYNC after ${words}`, () => client.command(`SELECT ${mailbox} (QRESYNC (${validity} ${modSeq}))`))
  await demand(counts.FETCH, count, 'QRESYNC')
  await client.end()
}

/** With an account of its own: u042 has 500 mailboxes. */
async function statusOfMany(ground: Ground): Promise<void> {
  const client = await logIn(ground.target, 'u042')
  const { counts } = await client.command('LIST "" "many.%"').catch(() => client.command('LIST "" "many/%"'))
  const { lines } = await client.command('LIST "" ""', 'LIST')
  const delimiter = /"(.)"/.exec(lines[0] ?? '')?.[1] ?? '/'
  const name = (index: number) => `many${delimiter}box${index}`
  if ((counts.LIST ?? 0) < 500) {
    for (let index = 0; index < 500; index++) {
      const made = await client.command(`CREATE ${name(index)}`).then(() => true, () => false)
      if (made) await client.command(appendCommand(name(index), [letter(index)]))
    }
  }
  const { counts: told } = await ground.measure('STATUS of 500 by LIST', () => client.command(`LIST "" "many${delimiter}%" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))`))
  await demand(told.STATUS, 500, 'LIST')
  await ground.measure('500 STATUS in a row', async () => {
    await Promise.all(Array.from({ length: 500 }, (_, index) => client.command(`STATUS ${name(index)} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)`)))
  })
  await client.end()
}

/** From the APPEND sent by one client to the EXISTS that another one hears, the median of 15. */
async function idleLatency(ground: Ground): Promise<void> {
  const { target, user } = ground
  const idler = await logIn(target, user)
  const writer = await logIn(target, user)
  await remake(writer, spare)
  await idler.command(`SELECT ${spare}`)
  const begun = new Promise<void>((resolve) => (idler.onContinuation = resolve))
  const idling = idler.command('IDLE')
  await begun
  const times: number[] = []
  for (let turn = 0; turn < 15; turn++) {
    await sleep(60 + ((turn * 37) % 150))
    const heard = new Promise<void>((resolve) => (idler.onUntagged = (word) => word === 'EXISTS' && resolve()))
    const begin = performance.now()
    await writer.command(appendCommand(spare, [letter(turn)]))
    await heard
    times.push(performance.now() - begin)
  }
  ground.note('IDLE latency', times.sort((a, b) => a - b)[7] ?? 0)
  idler.send('DONE\r\n')
  await idling
  await idler.end()
  await writer.command(`DELETE ${spare}`)
  await writer.end()
}

async function select(ground: Ground): Promise<void> {
  const client = await logIn(ground.target, ground.user)
  await ground.measure('SELECT', () => client.command(`SELECT ${ground.mailbox}`))
  await client.end()
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  'select': select,
  'flags': oneCommand('all FLAGS', () => 'UID FETCH 1:* (FLAGS)', (exists) => exists),
  'envelope': oneCommand('all ENVELOPE BODYSTRUCTURE', () => 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)', (exists) => exists),
  'headers': oneCommand('all HEADER.FIELDS', () => 'FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID)])', (exists) => exists),
  'bodies': oneCommand('1,000 bodies', () => 'FETCH 1:1000 (UID BODY.PEEK[])', (exists) => Math.min(1000, exists)),
  'random': fetchRandom,
  'search': searches({ 'SEARCH FROM': `SEARCH FROM "${rare.from}"`, 'SEARCH SUBJECT': `SEARCH SUBJECT "${rare.subject}"`, 'SEARCH UNSEEN': 'SEARCH UNSEEN', 'SEARCH SENTSINCE FROM': 'SEARCH SENTSINCE 8-Jan-2020 FROM "anna"', 'SEARCH HEADER': 'SEARCH HEADER User-Agent "BenchMail/3.2"' }),
  'text': searches({ 'SEARCH TEXT': `SEARCH TEXT "${rare.text}"`, 'SEARCH BODY': `SEARCH BODY "${rare.text}"` }),
  'sort': searches({ 'SORT REVERSE DATE': 'SORT (REVERSE DATE) UTF-8 ALL', 'SORT SUBJECT': 'SORT (SUBJECT) UTF-8 ALL' }),
  'thread': searches({ 'THREAD REFERENCES': 'THREAD REFERENCES UTF-8 ALL' }),
  'store-all': async (ground) => await store(ground, Infinity, 'all'),
  'store': async (ground) => await store(ground, many, '10k'),
  'store-single': storeSingly,
  'move': copyMoveExpunge,
  'append': async (ground) => await append(ground, 200, 1),
  'multiappend': async (ground) => await append(ground, 200, 200),
  'resync-1': async (ground) => await resync(ground, 1, '1 change'),
  'resync-many': async (ground) => await resync(ground, many, '10k changes'),
  'status': statusOfMany,
  'idle': idleLatency,
  'login': async (ground) => await logins(ground, 1, 100),
  'login-10': async (ground) => await logins(ground, 10, 20),
}

/** Those that a cold server feels. */
export const coldScenarios = ['select', 'flags', 'envelope', 'headers', 'search', 'sort', 'thread', 'resync-1']
