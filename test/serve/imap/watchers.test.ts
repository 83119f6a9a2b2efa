/**
 * A client that has asked by NOTIFY for everything, on one of two servers, while others make, rename, fill and delete
 * mailboxes on both: what it knows of names, subscriptions and counts from what it is told, and from what it does itself,
 * must be what a client gets that asks. Commands are drawn by seed.
 */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { Client } from './client.ts'
import type { Random } from './seeds.ts'
import { makeRandom, testWithSeeds } from './seeds.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ slowEngine: true })
const neighbour = await openStage({ engine: stage.engine })
after(() => Promise.all([stage.stop(0), neighbour.stop(0)]))

const names = ['A', 'A/a', 'A/a/x', 'B', 'B/b', 'C/c', 'D']

interface Known {
  exists: boolean
  children: boolean
}

/** What a client knows of an account. */
class Picture {
  readonly names = new Map<string, Known>()
  readonly subscribed = new Set<string>()
  readonly counts = new Map<string, string>()

  hear(line: string): void {
    const list = /^(?:\* )?LIST \(([^)]*)\) "\/" ([^ ]+)(?: \("OLDNAME" \(([^)]*)\)\))?$/.exec(line)
    if (list !== null) this.#hearName(list[2] ?? '', (list[1] ?? '').split(' '), list[3])
    const status = /^(?:\* )?STATUS (\S+) \(([^)]*)\)$/.exec(line)
    if (status !== null) this.#hearCounts(status[1] ?? '', status[2] ?? '')
  }

  #hearName(name: string, attributes: readonly string[], oldName: string | undefined): void {
    if (oldName !== undefined) {
      const counts = this.counts.get(oldName)
      this.names.delete(oldName)
      this.counts.delete(oldName)
      if (counts === undefined) this.counts.delete(name)
      else this.counts.set(name, counts)
    }
    const exists = !attributes.includes('\\NonExistent')
    const children = attributes.includes('\\HasChildren')
    // Another mailbox of the same name, or none: its counts have to be asked for.
    if (!exists || this.names.get(name)?.exists !== true) if (oldName === undefined) this.counts.delete(name)
    if (exists || children) this.names.set(name, { exists, children })
    else this.names.delete(name)
    if (attributes.includes('\\Subscribed')) this.subscribed.add(name)
    else this.subscribed.delete(name)
  }

  #hearCounts(name: string, items: string): void {
    const count = /MESSAGES \d+ UIDNEXT \d+/.exec(items)?.[0]
    if (count !== undefined) this.counts.set(name, count)
  }
}

/** Names, subscriptions and counts as they are. */
async function askAll(client: Client): Promise<Picture> {
  const picture = new Picture()
  for (const line of (await client.ok('LIST "" * RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT))')).untagged) picture.hear(line)
  for (const line of (await client.ok('LIST (SUBSCRIBED) "" *')).untagged) {
    const name = / "\/" (\S+)/.exec(line)?.[1]
    if (name !== undefined) picture.subscribed.add(name)
  }
  return picture
}

type Deed = (client: Client) => Promise<unknown>

function draw(random: Random): Deed {
  const pick = () => names[random(names.length)] ?? ''
  const one = pick()
  const other = pick()
  return [
    (client: Client) => client.command(`CREATE ${one}`),
    (client: Client) => client.command(`CREATE ${one}`),
    (client: Client) => client.command(`DELETE ${one}`),
    (client: Client) => client.command(`RENAME ${one} ${other}`),
    (client: Client) => client.command(`SUBSCRIBE ${one}`),
    (client: Client) => client.command(`UNSUBSCRIBE ${one}`),
    (client: Client) => client.command(`APPEND ${one} {6+}\r\na: b\r\n`),
    (client: Client) => client.command(`APPEND ${one} (\\Deleted) {6+}\r\na: b\r\n {6+}\r\na: b\r\n`),
    async (client: Client) => {
      await client.ok('APPEND INBOX (\\Deleted) {6+}\r\na: b\r\n {6+}\r\na: c\r\n')
      await client.ok('SELECT INBOX')
      await client.command(`COPY 1 ${one}`)
      await client.ok('CLOSE')
    },
  ][random(9)] ?? (() => Promise.resolve())
}

async function play(seed: number): Promise<void> {
  const random = makeRandom(seed)
  const login = `watched${seed}`
  const [watcher, ...others] = await Promise.all([stage, stage, neighbour].map((one) => Client.enter(one.connect(), login)))
  if (watcher === undefined) throw new Error('no watcher')
  await watcher.ok('NOTIFY SET (personal (MessageNew MessageExpunge MailboxName SubscriptionChange))')
  const picture = await askAll(watcher)
  for (let round = 0; round < 25; round++) {
    const deeds = others.map((client) => draw(random)(client))
    // What the client does itself it takes as done, and hears of it only when somebody undoes it.
    const word = ['CREATE', 'DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE'][random(12)]
    if (word !== undefined) await itself(watcher, picture, word, names[random(names.length)] ?? '')
    await Promise.all(deeds)
    if (random(4) === 0) for (const line of (await watcher.ok('NOOP')).untagged) picture.hear(line)
  }
  // The other server's last entries are looked for.
  const heard = [...(await watcher.ok('STATUS INBOX (MESSAGES UIDNEXT)')).untagged, ...(await watcher.ok('NOOP')).untagged, ...(await watcher.ok('NOOP')).untagged]
  for (const line of heard) picture.hear(line)
  const truth = await askAll(others[0] ?? watcher)
  assert.deepEqual([...picture.names].sort(), [...truth.names].sort())
  assert.deepEqual([...picture.subscribed].sort(), [...truth.subscribed].sort())
  for (const [name, counts] of picture.counts) assert.equal(counts, truth.counts.get(name), name)
  await Promise.all([watcher, ...others].map((client) => client.close()))
}

async function itself(watcher: Client, picture: Picture, word: string, name: string): Promise<void> {
  const { status, untagged } = await watcher.command(`${word} ${name}`)
  for (const line of untagged) picture.hear(line)
  if (status === 'OK') {
    if (word === 'SUBSCRIBE') picture.subscribed.add(name)
    if (word === 'UNSUBSCRIBE') picture.subscribed.delete(name)
    if (word === 'CREATE') {
      picture.names.set(name, { exists: true, children: picture.names.get(name)?.children ?? false })
      for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) picture.names.set(name.slice(0, at), { exists: picture.names.get(name.slice(0, at))?.exists ?? false, children: true })
    }
    if (word === 'DELETE') remove(picture, name)
  }
}

/** A level without a mailbox of its own goes with the last one below it. */
function remove(picture: Picture, name: string): void {
  const hasChildren = [...picture.names.keys()].some((one) => one.startsWith(`${name}/`))
  picture.counts.delete(name)
  if (hasChildren) picture.names.set(name, { exists: false, children: true })
  else picture.names.delete(name)
  const end = name.lastIndexOf('/')
  if (end < 0) return
  const above = name.slice(0, end)
  const known = picture.names.get(above)
  if ([...picture.names.keys()].some((one) => one.startsWith(`${above}/`))) return
  if (known?.exists === true) picture.names.set(above, { exists: true, children: false })
  else remove(picture, above)
}

testWithSeeds('a client that watches everything knows what there is', Array.from({ length: 4 }, (_, at) => (at + 1) * 7919), play)
