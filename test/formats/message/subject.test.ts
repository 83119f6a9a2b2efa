import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { baseSubject } from '#lib/formats/message/subject.ts'

test('Base subjects: leaders, blobs, trailers and wrappings of forwards go', () => {
  for (const [subject, base, isReply] of [
    ['hello', 'hello', false],
    ['Re: hello', 'hello', true],
    ['RE : hello', 'hello', true],
    ['re[3]: hello', 'hello', true],
    ['Fwd: hello', 'hello', true],
    ['fw: hello', 'hello', true],
    ['Re: Re: FW: hello', 'hello', true],
    ['[list] hello', 'hello', false],
    ['[list] Re: [list] hello', 'hello', true],
    ['Re: [list]: hello', ': hello', true],
    ['hello (fwd)', 'hello', true],
    ['hello (fwd) (FWD) ', 'hello', true],
    ['[Fwd: hello]', 'hello', true],
    ['[fwd: [list] Re: hello (fwd)]', 'hello', true],
    ['  Re:\thello \t world ', 'hello world', true],
    ['[only]', '[only]', false],
    ['Re: [only]', '[only]', true],
    ['Re:', '', true],
    ['', '', false],
    ['Reply: hello', 'Reply: hello', false],
    ['hello Re: you', 'hello Re: you', false],
    ['AW: hello', 'AW: hello', false],
  ] as const) assert.deepEqual(baseSubject(subject), { base, isReply }, subject)
})

test('A base subject is its own base, and long ones are quick', () => {
  const piece = fc.constantFrom('Re:', 'fwd:', '[a]', '[', ']', '(fwd)', ' ', 'x', '[fwd:', 'RE[1]:', ':')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const { base } = baseSubject(pieces.join(''))
      assert.equal(baseSubject(base).base, base)
    }),
    { numRuns: 3000, seed: 20_261_125 },
  )
  const begin = performance.now()
  for (const long of ['['.repeat(50_000), '[a]'.repeat(20_000), `${' '.repeat(50_000)}(fwd)`, 're:'.repeat(20_000), '(fwd)'.repeat(20_000)]) baseSubject(long)
  assert.ok(performance.now() - begin < 1000)
})
