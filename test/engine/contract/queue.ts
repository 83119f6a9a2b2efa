import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { PortLimitError, portLimits } from '#lib/engine/ports.ts'
import type { Consumer, ConsumeOptions, NewNote, Note, NoteAnswer, Queue, QueuedNote, QueueName } from '#lib/engine/ports.ts'
import { bytes, text, until } from './setup.ts'
import type { OpenEngine, OpenedEngine } from './setup.ts'

const options: ConsumeOptions = { batchNotes: 10, concurrency: 4, visibilityMs: 30_000, maxReceives: 3 }
const done: NoteAnswer = { kind: 'done' }
const failed: NoteAnswer = { kind: 'failed', reason: 'a bad day' }
const note = (id: string, more: Partial<NewNote> = {}): NewNote => ({ id, body: bytes(`body of ${id}`), ...more })

async function listAll(queue: Queue, name: QueueName): Promise<QueuedNote[]> {
  const notes: QueuedNote[] = []
  let cursor: string | undefined
  do {
    const page = await queue.list(name, cursor)
    notes.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  return notes
}

export interface QueueTraits {
  /** Hand-outs keep the order of due times. */
  readonly inOrder: boolean
  /** Also notes that are due, and on their way to a consumer, are listed, found, changed and replaced. */
  readonly seesDue: boolean
}

/** Each test leaves the queues empty. */
export function queueContract(name: string, open: OpenEngine, traits: QueueTraits): void {
  describe(`Queue of ${name}`, () => {
    let opened: OpenedEngine
    let queue: Queue
    let consumers: Consumer[] = []
    /** Queue and id of each note whose handler was done with it. */
    let finished = new Set<string>()
    before(async () => {
      opened = await open()
      queue = opened.engine.queue
    })
    after(async () => opened.dispose())
    beforeEach(async () => {
      for (const consumer of consumers) await consumer.stop()
      consumers = []
      for (const queueName of ['inbound', 'outbound', 'delivery'] as const) for (const { id } of await listAll(queue, queueName)) await queue.drop(queueName, id)
      await opened.emptyQueues?.()
      finished = new Set()
    })

    const consume = (handler: (note: Note) => NoteAnswer | Promise<NoteAnswer>, more: Partial<ConsumeOptions> = {}, queueName: QueueName = 'inbound') => {
      const batches: Note[][] = []
      const consumer = queue.consume(queueName, { ...options, ...more }, async (notes) => {
        batches.push([...notes])
        return await Promise.all(
          notes.map(async (one) => {
            const answer = await handler(one)
            if (answer.kind === 'done') finished.add(`${queueName} ${one.id}`)
            return answer
          }),
        )
      })
      consumers.push(consumer)
      return { consumer, batches, notes: () => batches.flat(), ids: () => batches.flat().map((one) => one.id) }
    }
    const gone = async (id: string, queueName: QueueName = 'inbound') => until(`${id} is gone`, async () => finished.has(`${queueName} ${id}`) && (await queue.find(queueName, id)) === undefined)

    it('hands a note out with its body and forgets it when it is done', async () => {
      const before = Date.now()
      await queue.send('inbound', [note('n1')])
      const found = await queue.find('inbound', 'n1')
      if (traits.seesDue) assert.deepEqual([found?.state, text(found?.body)], ['waiting', 'body of n1'])
      const { notes } = consume(() => done)
      await gone('n1')
      const [received] = notes()
      assert.equal(notes().length, 1)
      assert.equal(text(received?.body), 'body of n1')
      assert.equal(received?.receives, 1)
      assert.ok(received.sentAt >= before - 1000 && received.sentAt <= Date.now())
      assert.deepEqual(await listAll(queue, 'inbound'), [])
    })

    it('hands out at once what is sent while a consumer waits', async () => {
      const { ids } = consume(() => done)
      await systemClock.sleep(300)
      const sentAt = Date.now()
      await queue.send('inbound', [note('quick')])
      await until('quick is handed out', () => ids().length === 1)
      assert.ok(Date.now() - sentAt < 2000)
      await gone('quick')
    })

    it('keeps the queues apart', async () => {
      await queue.send('outbound', [note('same', { body: bytes('out') })])
      await queue.send('delivery', [note('same', { body: bytes('deliver'), notBefore: Date.now() + 60_000 })])
      const { notes } = consume(() => done, {}, 'outbound')
      await gone('same', 'outbound')
      assert.deepEqual(notes().map((one) => text(one.body)), ['out'])
      assert.equal(text((await queue.find('delivery', 'same'))?.body), 'deliver')
    })

    it('hands out no note before its time', async () => {
      const notBefore = Date.now() + 700
      await queue.send('inbound', [note('later', { notBefore }), note('now')])
      let laterAt = 0
      consume((one) => {
        if (one.id === 'later') laterAt = Date.now()
        return done
      })
      await gone('now')
      assert.equal((await queue.find('inbound', 'later'))?.dueAt, notBefore)
      await gone('later')
      assert.ok(laterAt >= notBefore, `${notBefore - laterAt} ms early`)
    })

    it('hands out in the order of due times', { skip: !traits.inOrder && 'this engine keeps no order' }, async () => {
      const now = Date.now()
      await queue.send('inbound', [3, 1, 4, 0, 2].map((place) => note(`place-${place}`, { notBefore: now - 1000 + place })))
      const { ids } = consume(() => done, { batchNotes: 1, concurrency: 1 })
      await until('all are handed out', () => ids().length === 5)
      assert.deepEqual(ids(), ['place-0', 'place-1', 'place-2', 'place-3', 'place-4'])
    })

    it('hands out batches of up to batchNotes, and works on no more than concurrency at once', async () => {
      for (let at = 0; at < 50; at += 10) await queue.send('inbound', Array.from({ length: 10 }, (_, index) => note(`b${at + index}`)))
      let active = 0
      let most = 0
      let largest = 0
      let handled = 0
      consumers.push(
        queue.consume('inbound', { ...options, batchNotes: 4, concurrency: 3 }, async (notes) => {
          largest = Math.max(largest, notes.length)
          most = Math.max(most, ++active)
          await systemClock.sleep(60)
          active--
          handled += notes.length
          return notes.map(() => done)
        }),
      )
      await until('all are handled', () => handled >= 50)
      assert.ok(largest > 1 && largest <= 4, `batch of ${largest}`)
      assert.ok(most > 1 && most <= 3, `${most} at once`)
      await until('all are gone', async () => (await listAll(queue, 'inbound')).length === 0)
    })

    it('shows a note in hand as such, and leaves it alone', async () => {
      const answer = Promise.withResolvers<NoteAnswer>()
      await queue.send('inbound', [note('held up')])
      const { ids } = consume(() => answer.promise)
      await until('it is handed out', () => ids().length === 1)
      const found = await queue.find('inbound', 'held up')
      assert.ok(found === undefined || found.state === 'in-hand')
      assert.equal(await queue.drop('inbound', 'held up'), false)
      assert.equal(await queue.hold('inbound', 'held up'), false)
      assert.equal(await queue.retime('inbound', 'held up', Date.now()), false)
      answer.resolve(done)
      await gone('held up')
      assert.deepEqual(ids(), ['held up'])
    })

    it('hands a note out again after `again`, not before its new time, and never to the dead letters for it', async () => {
      await queue.send('inbound', [note('again')])
      const times: number[] = []
      consume(() => {
        times.push(Date.now())
        return times.length < 5 ? { kind: 'again', notBefore: Date.now() + 30 } : done
      })
      await gone('again')
      assert.equal(times.length, 5)
      for (const [index, at] of times.entries()) if (index > 0) assert.ok(at - (times[index - 1] ?? 0) >= 29)
    })

    it('rests after failures, ever longer, and moves to the dead letters after maxReceives', async () => {
      await queue.send('inbound', [note('bad')])
      const times: number[] = []
      const { notes } = consume(() => {
        times.push(Date.now())
        return failed
      })
      await until('it is dead', async () => (await queue.find('inbound', 'bad'))?.state === 'dead', 20_000)
      assert.deepEqual(notes().map((one) => one.receives), [1, 2, 3])
      const [first = 0, second = 0, third = 0] = times
      assert.ok(second - first > 0 && third - second >= second - first)
      const [dead] = await listAll(queue, 'inbound')
      assert.equal(dead?.reason, 'a bad day')
      assert.equal(text(dead.body), 'body of bad')
      assert.equal(dead.receives, 3)
      assert.equal(dead.dueAt, undefined)
    })

    it('takes a throw of the handler as failed for all notes of the batch', async () => {
      await queue.send('inbound', [note('t1'), note('t2')])
      consumers.push(
        queue.consume('inbound', { ...options, maxReceives: 1 }, async () => {
          throw new Error('handler broke')
        }),
      )
      for (const id of ['t1', 't2']) {
        await until('it is dead', async () => (await queue.find('inbound', id))?.state === 'dead')
        assert.match((await queue.find('inbound', id))?.reason ?? '', /handler broke/)
      }
    })

    it('hands a batch out again that nobody answered in time', async () => {
      await queue.send('inbound', [note('slow')])
      const never = Promise.withResolvers<NoteAnswer>()
      const { notes } = consume((one) => (one.receives === 1 ? never.promise : done), { visibilityMs: 300 })
      await gone('slow')
      assert.deepEqual(notes().map((one) => one.receives), [1, 2])
      never.resolve(done)
    })

    it('sends what follows from a note when it is done with it', async () => {
      await queue.send('inbound', [note('first')])
      const later = consume(() => done, {}, 'outbound')
      consume(() => ({ kind: 'done', then: [{ queue: 'outbound', note: note('second') }, { queue: 'delivery', note: note('third', { notBefore: Date.now() + 60_000 }) }] }))
      await gone('first')
      await until('the second is handed out', () => later.ids().includes('second'))
      assert.equal((await queue.find('delivery', 'third'))?.state, 'waiting')
    })

    it('lets a note send itself again', async () => {
      await queue.send('inbound', [note('self', { body: bytes('1') })])
      const { notes } = consume((one) => (text(one.body) === '1' ? { kind: 'done', then: [{ queue: 'inbound', note: note('self', { body: bytes('2') }) }] } : done))
      await until('both are handled', () => notes().length === 2)
      await gone('self')
      assert.deepEqual(notes().map((one) => text(one.body)), ['1', '2'])
    })

    for (const { what, delayMs } of [{ what: 'waits too', delayMs: 400 }, { what: 'is due', delayMs: 0 }]) {
      it(`replaces a waiting note by one of the same id that ${what}`, { skip: delayMs === 0 && !traits.seesDue && 'this engine does not look for forerunners of a note that is due: every message would pay for it' }, async () => {
        await queue.send('inbound', [note('twice', { body: bytes('old'), notBefore: Date.now() + 60_000 })])
        await queue.send('inbound', [note('twice', { body: bytes('new'), notBefore: Date.now() + delayMs })])
        assert.equal((await listAll(queue, 'inbound')).length, 1)
        const { notes } = consume(() => done)
        await gone('twice')
        assert.deepEqual(notes().map((one) => text(one.body)), ['new'])
      })
    }

    it('keeps a note sent while its forerunner is in hand', async () => {
      // Where due notes are not seen, the forerunner is a note like any other: when it failed, it comes again.
      for (const last of traits.seesDue ? [done, failed] : [done]) {
        const answer = Promise.withResolvers<NoteAnswer>()
        await queue.send('inbound', [note('runner', { body: bytes('old') })])
        const { notes, consumer } = consume((one) => (text(one.body) === 'old' ? answer.promise : done))
        await until('the old one is handed out', () => notes().length === 1)
        await queue.send('inbound', [note('runner', { body: bytes('new') })])
        answer.resolve(last)
        await until('the new one is handed out', () => notes().length >= 2)
        await gone('runner')
        assert.deepEqual(notes().map((one) => text(one.body)), ['old', 'new'])
        await consumer.stop()
      }
    })

    it('holds a note until it is retimed', async () => {
      await queue.send('inbound', [note('kept', { notBefore: Date.now() + 200 })])
      assert.equal(await queue.hold('inbound', 'kept'), true)
      const { ids } = consume(() => done)
      await systemClock.sleep(600)
      assert.deepEqual(ids(), [])
      const found = await queue.find('inbound', 'kept')
      assert.equal(found?.state, 'held')
      assert.equal(found.dueAt, undefined)
      assert.equal(await queue.retime('inbound', 'kept', Date.now()), true)
      await gone('kept')
      assert.deepEqual(ids(), ['kept'])
    })

    it('retimes a waiting note and a dead one, which begins anew', async () => {
      await queue.send('inbound', [note('far', { notBefore: Date.now() + 600_000 }), note('dead')])
      const { ids, consumer } = consume(() => failed, { maxReceives: 1 })
      await until('one is dead', async () => (await queue.find('inbound', 'dead'))?.state === 'dead')
      await consumer.stop()
      assert.deepEqual(ids(), ['dead'])
      const second = consume((one) => (one.id === 'dead' && second.ids().filter((id) => id === 'dead').length < 2 ? { kind: 'again', notBefore: 0 } : done), { maxReceives: 1 })
      assert.equal(await queue.retime('inbound', 'far', Date.now()), true)
      assert.equal(await queue.retime('inbound', 'dead', Date.now()), true)
      await gone('far')
      await gone('dead')
      assert.deepEqual(second.ids().toSorted(), ['dead', 'dead', 'far'])
    })

    it('drops waiting, held and dead notes, and says when there is none', async () => {
      await queue.send('inbound', [note('waiting', { notBefore: Date.now() + 300 }), note('held', { notBefore: Date.now() + 300 })])
      assert.equal(await queue.hold('inbound', 'held'), true)
      for (const id of ['waiting', 'held']) assert.equal(await queue.drop('inbound', id), true)
      for (const id of ['waiting', 'held']) assert.equal(await queue.drop('inbound', id), false)
      assert.equal(await queue.retime('inbound', 'held', Date.now()), false)
      assert.equal(await queue.hold('inbound', 'nobody'), false)
      const { ids } = consume(() => done)
      await systemClock.sleep(600)
      assert.deepEqual(ids(), [])
    })

    it('lists every note once, by pages', async () => {
      const notBefore = Date.now() + 600_000
      for (let at = 0; at < 250; at += 10) await queue.send('inbound', Array.from({ length: 10 }, (_, index) => note(`l${at + index}`, { notBefore, body: Buffer.alloc(9000) })))
      const ids = (await listAll(queue, 'inbound')).map((one) => one.id)
      assert.equal(ids.length, 250)
      assert.equal(new Set(ids).size, 250)
    })

    it('takes notes up to their limits and refuses them beyond', async () => {
      const body = Buffer.alloc(portLimits.noteBytes, 'x')
      await queue.send('inbound', [note('big', { body, notBefore: Date.now() + 60_000 })])
      assert.ok(body.equals((await queue.find('inbound', 'big'))?.body ?? bytes('none')))
      await assert.rejects(queue.send('inbound', [note('ok'), note('bigger', { body: Buffer.alloc(portLimits.noteBytes + 1) })]), PortLimitError)
      await assert.rejects(queue.send('inbound', Array.from({ length: portLimits.batchNotes + 1 }, (_, index) => note(`m${index}`))), PortLimitError)
      await assert.rejects(queue.send('inbound', [note('')]), PortLimitError)
      assert.deepEqual((await listAll(queue, 'inbound')).map((one) => one.id), ['big'])
      await queue.send('inbound', [note('big and due', { body }), note('another', { body })])
      const { notes } = consume(() => done)
      await gone('big and due')
      await gone('another')
      assert.ok(notes().length === 2 && notes().every((one) => body.equals(one.body)))
    })

    it('finishes what is in hand before a consumer has stopped, and takes no more', async () => {
      for (let at = 0; at < 30; at += 10) await queue.send('inbound', Array.from({ length: 10 }, (_, index) => note(`s${at + index}`)))
      const { consumer, ids } = consume(async () => {
        await systemClock.sleep(50)
        return done
      }, { batchNotes: 2, concurrency: 2 })
      await until('some are in hand', () => ids().length > 0)
      await consumer.stop()
      const handed = ids().length
      assert.ok(handed < 30)
      if (traits.seesDue) assert.equal((await listAll(queue, 'inbound')).length, 30 - handed)
      await systemClock.sleep(300)
      assert.equal(ids().length, handed)
      assert.ok((await listAll(queue, 'inbound')).every((one) => one.state === 'waiting'))
      const rest = consume(() => done)
      await until('the others are handed out', () => rest.ids().length >= 30 - handed)
      assert.equal(new Set([...ids(), ...rest.ids()]).size, 30)
    })

    it('shares the notes among several consumers, none twice', async () => {
      const takers = [1, 2, 3].map(() => consume(async () => {
        await systemClock.sleep(2)
        return done
      }, { batchNotes: 3, concurrency: 2 }))
      for (let at = 0; at < 200; at += 10) await queue.send('inbound', Array.from({ length: 10 }, (_, index) => note(`c${at + index}`)))
      await until('all are handled', () => takers.reduce((sum, taker) => sum + taker.ids().length, 0) >= 200)
      assert.equal(new Set(takers.flatMap((taker) => taker.ids())).size, 200)
      await until('all are gone', async () => (await listAll(queue, 'inbound')).length === 0)
      assert.equal(takers.reduce((sum, taker) => sum + taker.ids().length, 0), 200)
    })
  })
}
