/**
 * Servers that answer at random, within and against the protocol: whatever they do, each recipient has one fate, and it is
 * "delivered" exactly when a server took responsibility for that recipient, once.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { deliverOnce, deliveryNote, destinationAt, openStage, outboundNote } from './stage.ts'

type Draw = () => number

/** One of the words, the first much more often than the others. */
function pick<T>(draw: Draw, usual: T, ...others: readonly T[]): T {
  const n = draw() % (others.length * 4)
  return others[n] ?? usual
}

const cut = Symbol('cut')

class RandomServer {
  /** Recipients for whom the server said yes to the final dot. */
  readonly taken: string[] = []
  readonly #draw: Draw
  #pipelining = false
  #accepted: string[] = []
  #mail = false

  constructor(draw: Draw) {
    this.#draw = draw
  }

  async serve(socket: net.Socket): Promise<void> {
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    const say = (answer: string | typeof cut): boolean => {
      if (answer === cut) socket.destroy()
      else socket.write(`${answer}\r\n`)
      if (answer !== cut && answer.startsWith('421')) socket.end()
      return answer !== cut && !answer.startsWith('421')
    }
    if (!say(pick<string | typeof cut>(this.#draw, '220 mx', '421 busy', '554 no', 'nonsense', cut))) return
    let text = ''
    let inMessage = false
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (inMessage && line !== '.') continue
        const answer: string | typeof cut = inMessage ? this.#endOfMessage() : this.#answer(line)
        inMessage = !inMessage && typeof answer === 'string' && answer.startsWith('354')
        if (!say(answer)) return
      }
    }
  }

  #endOfMessage(): string | typeof cut {
    const answer = pick<string | typeof cut>(this.#draw, '250 taken', '451 later', '554 no', '421 bye', cut)
    if (answer === '250 taken') this.taken.push(...this.#accepted)
    this.#accepted = []
    this.#mail = false
    return answer
  }

  #answer(line: string): string | typeof cut {
    const [verb = ''] = line.split(/[ :]/, 1)
    switch (verb) {
      case 'EHLO':
        this.#pipelining = this.#draw() % 2 === 0
        return pick<string | typeof cut>(this.#draw, this.#pipelining ? '250-mx\r\n250 PIPELINING' : '250 mx', '502 no', '451 later', cut)
      case 'MAIL': {
        const answer = this.#mail ? '503 again?' : pick<string | typeof cut>(this.#draw, '250 ok', '451 later', '550 no', '421 bye', cut)
        if (answer === '250 ok') [this.#mail, this.#accepted] = [true, []]
        return answer
      }
      case 'RCPT': {
        if (!this.#mail) return '503 no MAIL'
        const answer = pick<string | typeof cut>(this.#draw, '250 ok', '450 later', '550 no', '452 4.5.3 enough', '421 bye', cut)
        if (answer === '250 ok') this.#accepted.push(/<(.*)>/.exec(line)?.[1] ?? '')
        return answer
      }
      case 'DATA': {
        if (this.#accepted.length === 0 && this.#draw() % 2 === 0) return '554 no recipients'
        return pick<string | typeof cut>(this.#draw, '354 go', '451 later', '554 no', '250 what', '421 bye', cut)
      }
      case 'RSET':
        ;[this.#mail, this.#accepted] = [false, []]
        return '250 ok'
      case 'QUIT':
        return '221 bye'
      default:
        return '250 ok'
    }
  }
}

async function start(random: RandomServer): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    random.serve(socket).catch(() => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as net.AddressInfo).port, close }
}

test('each recipient is delivered exactly when a server took it, and never twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1000)), fc.integer({ min: 1, max: 4 }), async (stream, count) => {
      const draw: Draw = () => Number(stream.next().value)
      const randoms = [new RandomServer(draw), new RandomServer(draw)]
      const servers = await Promise.all(randoms.map(start))
      const to = Array.from({ length: count }, (_, n) => `r${n}@remote.example`)
      const stage = openStage({ settings: { quitMs: 50, commandMs: 10_000, dataEndMs: 10_000, expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9 } })
      await deliverOnce(stage, deliveryNote(destinationAt(...servers.map(({ port }) => port)), outboundNote(to)))
      for (const { close } of servers) close()
      const fates = stage.fates().map((fate) => fate.split(' '))
      assert.deepEqual(fates.map(([address]) => address), to)
      assert.deepEqual(fates.filter(([, fate]) => fate === 'delivered').map(([address]) => address), randoms.flatMap(({ taken }) => taken).sort())
    }),
    { numRuns: 300 },
  )
})
