/** A body goes to its client in chunks, and no faster than the client reads: octets are counted, not time. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { parseMessage } from '#lib/formats/message/structure.ts'
import type { ContentSource } from '#lib/serve/imap/fetch/contentItems.ts'
import { writeContentItems } from '#lib/serve/imap/fetch/contentItems.ts'
import { ConnectionEnded } from '#lib/serve/input.ts'
import { Output } from '#lib/serve/output.ts'

const chunkBytes = 64 * 1024
const chunks = 400
const sizeBytes = chunks * chunkBytes
/** What may be between the store and the client: what was gathered for one write, and the stream's own share. */
const betweenBytes = 2 * chunkBytes + 16 * 1024

const metadata = parseMessage(Buffer.from('Subject: large\r\n\r\n'))
const large = { ...metadata, root: { ...metadata.root, headerStart: 0, bodyEnd: sizeBytes } }

/** A client that takes what it was sent only when it is told to. */
class Client extends Duplex {
  taken = 0
  #take: (() => void) | undefined

  constructor() {
    super({ highWaterMark: 16 * 1024 })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#take = () => {
      this.taken += chunk.length
      callback()
    }
  }

  override _read(): void {
    // It says nothing.
  }

  /** False when there was nothing to take. */
  takeOne(): boolean {
    const take = this.#take
    this.#take = undefined
    take?.()
    return take !== undefined
  }
}

function counted(): { readonly source: ContentSource; readonly given: () => number } {
  let given = 0
  async function* read() {
    for (let number = 0; number < chunks; number++) {
      given += chunkBytes
      yield Buffer.alloc(chunkBytes, 'x')
    }
  }
  return { source: { sizeBytes: chunks * chunkBytes, whole: undefined, read }, given: () => given }
}

const whole = [{ kind: 'section' as const, label: 'BODY[]', section: { path: [], what: 'ALL' as const, names: [], not: false }, partial: undefined, peek: true }]

test('of a message of 25 MB no more is read from the store than its client has taken and a chunk or two', async () => {
  const client = new Client()
  const output = new Output(client, 60_000)
  const { source, given } = counted()
  let over = false
  const written = writeContentItems(output, whole, large, source).then(async () => {
    over = true
    await output.flush()
  })
  for (let idle = 0; idle < 5; ) {
    await turn()
    await turn()
    assert.ok(given() - client.taken <= betweenBytes, `${given() - client.taken} octets are waiting`)
    idle = client.takeOne() ? 0 : idle + 1
  }
  await written
  assert.ok(over)
  assert.ok(client.taken >= sizeBytes)
})

test('a client that goes away in the middle ends the reading of its message', async () => {
  const client = new Client()
  const output = new Output(client, 60_000)
  const { source, given } = counted()
  const written = assert.rejects(writeContentItems(output, whole, large, source), ConnectionEnded)
  await turn()
  client.takeOne()
  await turn()
  output.end()
  await written
  assert.ok(given() < 5 * chunkBytes)
})
