import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeThreads } from '#lib/formats/imap/thread.ts'
import type { ThreadNode } from '#lib/formats/imap/thread.ts'
import type { ThreadMessages } from '#lib/mail/mailbox/threads/messages.ts'
import { threadBySubject } from '#lib/mail/mailbox/threads/orderedSubject.ts'
import { threadByReferences } from '#lib/mail/mailbox/threads/references.ts'

interface Letter {
  /** Key of its Message-ID; 0 for none. Absent: its number. */
  readonly id?: number
  readonly refs?: readonly number[]
  readonly subject?: number
  readonly reply?: boolean
  readonly time?: number
}

function gather(letters: readonly Letter[]): ThreadMessages {
  return {
    count: letters.length,
    numbers: letters.map((_, at) => at + 1),
    times: Float64Array.from(letters, ({ time }, at) => time ?? at),
    subjects: Float64Array.from(letters, ({ subject }, at) => subject ?? at + 1),
    replies: Float64Array.from(letters, ({ reply }) => Number(reply ?? false)),
    ids: Float64Array.from(letters, ({ id }, at) => id ?? at + 1),
    references: (message) => letters[message]?.refs ?? [],
  }
}

const byReferences = (...letters: Letter[]) => writeThreads(threadByReferences(gather(letters), 'REFERENCES'))
const byRefs = (...letters: Letter[]) => writeThreads(threadByReferences(gather(letters), 'REFS'))
const bySubject = (...letters: Letter[]) => writeThreads(threadBySubject(gather(letters)))

test('Threads are written with a list for each of several answers only', () => {
  const node = (number: number, ...children: ThreadNode[]): ThreadNode => ({ number, children })
  // The example of RFC 5256 §4.
  assert.equal(writeThreads([node(2), node(3, node(6, node(4, node(23)), node(44, node(7, node(96)))))]), '(2)(3 6 (4 23)(44 7 96))')
  assert.equal(writeThreads([node(0, node(3), node(5))]), '((3)(5))')
  assert.equal(writeThreads([node(1, node(0, node(2), node(3)), node(4))]), '(1 ((2)(3))(4))')
  assert.equal(writeThreads([]), '')
})

test('A message hangs below the last one it refers to', () => {
  assert.equal(byReferences({}, { refs: [1] }, { refs: [1, 2] }, { refs: [1] }), '(1 (2 3)(4))')
  assert.equal(byReferences({ refs: [2] }, { refs: [3] }, {}), '(3 2 1)')
})

test('Messages that are not there hold answers together only where there are several', () => {
  assert.equal(byReferences({ refs: [90] }, { refs: [91] }), '(1)(2)')
  assert.equal(byReferences({ refs: [90] }, { refs: [90] }), '((1)(2))')
  // In the middle of a thread they give their children to the one above.
  assert.equal(byReferences({}, { refs: [1, 90] }, { refs: [1, 90] }), '(1 (2)(3))')
})

test('What a message says of itself outweighs what others say of it', () => {
  assert.equal(byReferences({}, {}, { refs: [1] }, { refs: [2, 3] }), '(1 3 4)(2)')
})

test('Circles are not closed', () => {
  assert.equal(byReferences({ refs: [1] }), '(1)')
  assert.equal(byReferences({ refs: [2] }, { refs: [1] }), '(2 1)')
})

test('Of messages with one Message-ID the first has it', () => {
  assert.equal(byReferences({ id: 7 }, { id: 7 }, { id: 8, refs: [7] }), '(1 3)(2)')
  assert.equal(byReferences({ id: 0 }, { id: 0 }), '(1)(2)')
})

test('Threads and answers stand in the order of time', () => {
  assert.equal(byReferences({ time: 9 }, { time: 1 }, { time: 8, refs: [2] }, { time: 3, refs: [2] }), '(2 (4)(3))(1)')
  assert.equal(byReferences({ refs: [90], time: 9 }, { refs: [90], time: 4 }, { time: 6 }), '((2)(1))(3)')
})

test('REFERENCES joins threads of one subject: answers below, equals side by side', () => {
  assert.equal(byReferences({ subject: 5 }, { subject: 5, reply: true }), '(1 2)')
  assert.equal(byReferences({ subject: 5, reply: true }, { subject: 5 }), '(2 1)')
  assert.equal(byReferences({ subject: 5 }, { subject: 5 }, { subject: 5, reply: true }), '((1)(2)(3))')
  assert.equal(byReferences({ subject: 5, reply: true, refs: [90] }, { subject: 5, reply: true, refs: [90] }, { subject: 5, reply: true }), '((1)(2)(3))')
  assert.equal(byReferences({ subject: 5, refs: [90] }, { subject: 5, refs: [90] }, { subject: 5, refs: [91] }, { subject: 5, refs: [91] }), '((1)(2)(3)(4))')
  // An empty subject joins nothing.
  assert.equal(byReferences({ subject: 0 }, { subject: 0, reply: true }), '(1)(2)')
})

test('REFS joins no subjects and puts threads in the order of their latest message', () => {
  assert.equal(byRefs({ subject: 5 }, { subject: 5, reply: true }), '(1)(2)')
  assert.equal(byRefs({ time: 1 }, { time: 2 }, { time: 3, refs: [1] }), '(2)(1 3)')
  assert.equal(byRefs({ time: 1, refs: [90] }, { time: 2 }, { time: 3, refs: [90] }), '(2)((1)(3))')
})

test('ORDEREDSUBJECT puts all of one subject below the first of them', () => {
  assert.equal(bySubject({ subject: 1, time: 5 }, { subject: 2, time: 1 }, { subject: 1, time: 3 }, { subject: 1, time: 4 }, { subject: 2, time: 9 }), '(2 5)(3 (4)(1))')
})

const letter = fc.record({ id: fc.nat(15), refs: fc.array(fc.integer({ min: 1, max: 18 }), { maxLength: 5 }), subject: fc.nat(4), reply: fc.boolean(), time: fc.nat(20) })

test('Every message stands in the threads once, whatever messages refer to', () => {
  fc.assert(
    fc.property(fc.array(letter, { maxLength: 25 }), fc.constantFrom('REFERENCES', 'REFS', 'ORDEREDSUBJECT'), (letters, algorithm) => {
      const messages = gather(letters)
      const roots = algorithm === 'ORDEREDSUBJECT' ? threadBySubject(messages) : threadByReferences(messages, algorithm)
      const numbers = [...writeThreads(roots).matchAll(/\d+/g)].map(([number]) => Number(number))
      assert.deepEqual(numbers.toSorted((a, b) => a - b), messages.numbers)
      const visit = (node: ThreadNode, isRoot: boolean): void => {
        // Nobody stands in for nothing, or for one message alone.
        if (node.number === 0) assert.ok(node.children.length > 1 && isRoot)
        for (const child of node.children) visit(child, false)
      }
      for (const root of roots) visit(root, true)
    }),
    { numRuns: 3000, seed: 20_261_125 },
  )
})

test('A thread as deep as a mailbox is neither slow nor too deep', () => {
  const count = 50_000
  const begin = performance.now()
  for (const order of [(at: number) => at, (at: number) => count - 1 - at]) {
    const letters = Array.from({ length: count }, (_, at): Letter => ({ id: order(at) + 1, refs: order(at) === 0 ? [] : [order(at)] }))
    assert.equal([...writeThreads(threadByReferences(gather(letters), 'REFERENCES')).matchAll(/[(]/g)].length, 1)
  }
  assert.ok(performance.now() - begin < 5000)
})
