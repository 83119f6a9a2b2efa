import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { foldText } from '#lib/mail/mailbox/searchText.ts'
import { markDocs, WordListBuilder, wordsOf } from '#lib/mail/mailbox/textIndex/wordList.ts'
import { found, matchWords, perhaps, packWords, unpackWords, WordSegmentBuilder } from '#lib/mail/mailbox/textIndex/wordSegment.ts'
import { eachJoined, eachWord, planWords } from '#lib/mail/mailbox/textIndex/words.ts'

const seed = 20_261_125

function wordsIn(text: string): string[] {
  const words: string[] = []
  eachWord(text, (word) => words.push(word))
  return words
}

function joinedIn(text: string): string[] {
  const joined: string[] = []
  eachJoined(text, (one) => joined.push(one))
  return joined
}

test('Letters and digits make words, ideographs and symbols pairs, and the rest stands between them', () => {
  assert.deepEqual(wordsIn('hello, world_42!'), ['hello', 'world', '42'])
  assert.deepEqual(wordsIn('漢字テスト x 字'), ['漢字', '字テ', 'テス', 'スト', 'x', '字'])
  assert.deepEqual(wordsIn('ab漢字cd'), ['ab', '漢字', 'cd'])
  assert.deepEqual(wordsIn(foldText('Ärger naïve')), ['a\u0308rger', 'nai\u0308ve'])
  assert.deepEqual(wordsIn('👍👍🏽 𠮷野'), ['👍👍', '👍🏽', '𠮷野'])
  assert.deepEqual(wordsIn(' .,-'), [])
})

test('A long word falls into pieces that overlap by 32 characters', () => {
  const long = Array.from({ length: 130 }, (_, at) => String.fromCharCode(97 + (at % 26))).join('')
  assert.deepEqual(wordsIn(long), [long.slice(0, 64), long.slice(32, 96), long.slice(64, 128), long.slice(96, 130)])
})

test('What single signs join is kept as it stands', () => {
  assert.deepEqual(joinedIn('write to anna.b@example.org, or call +49-30-123.'), ['anna.b@example.org', '49-30-123'])
  assert.deepEqual(joinedIn('https://example.org/a/b c'), ['example.org/a/b'])
  assert.deepEqual(joinedIn('plain words only'), [])
})

/** Pieces that make words, runs of two kinds, joined things and edges of long words likely. */
const piece = fc.constantFrom('a', 'b', 'ab', 'ba', ' ', '.', '@', '-', '\n', 'é', 'ö', '漢', '字', 'が', '한', '👍', '𠮷', '𝔸', 'x'.repeat(31), 'yz'.repeat(20), '1', '_', 'ß', 'İ')
const text = fc.array(piece, { maxLength: 30 }).map((pieces) => foldText(pieces.join('')))

test('Words never miss what a text holds, and say "found" only of what it holds', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(), text, fc.boolean(), (texts, from, length, other, inside) => {
      const source = texts[from % texts.length] ?? ''
      const cut = inside ? source.slice(from % (source.length + 1), (from % (source.length + 1)) + 1 + (length % 50)) : other
      // What a client sends is UTF-8, so that half a character is never looked for.
      const wanted = cut.isWellFormed() ? cut : ''
      const builder = new WordSegmentBuilder()
      texts.forEach((one, at) => builder.add({ sequence: at + 1, index: 0 }, { headers: [], body: [one], cut: false }))
      const verdicts = matchWords(builder.finish(), planWords(wanted), ['headers', 'body'])
      for (const [doc, one] of texts.entries()) {
        if (one.includes(wanted)) assert.notEqual(verdicts[doc], 0, JSON.stringify({ one, wanted }))
        if (verdicts[doc] === found) assert.ok(one.includes(wanted), JSON.stringify({ one, wanted }))
      }
    }),
    { numRuns: 5000, seed },
  )
})

test('Parts of one word, one ideograph or two, and joined things are found without a look at the message', () => {
  const builder = new WordSegmentBuilder()
  builder.add({ sequence: 1, index: 0 }, { headers: ['from:anna@example.org'], body: ['hello 漢字テスト'], cut: false })
  builder.add({ sequence: 2, index: 3 }, { headers: [], body: ['other org and example'], cut: false })
  const segment = unpackWords(packWords(builder.finish()))
  const ask = (wanted: string) => [...matchWords(segment, planWords(wanted), ['headers', 'body'])]
  for (const wanted of ['ell', 'hello', '字', '字テ', 'a@ex', 'na@example']) assert.deepEqual(ask(wanted), [found, 0], wanted)
  // Both words are there, but who knows what stands between them.
  assert.deepEqual(ask('example.org'), [found, perhaps])
  assert.deepEqual(ask('漢字テ'), [perhaps, 0])
  assert.deepEqual(ask('hello 漢'), [perhaps, 0])
  assert.deepEqual(ask('org'), [found, found])
  assert.deepEqual(ask(' '), [perhaps, perhaps])
  assert.deepEqual(ask(''), [found, found])
  assert.deepEqual(ask('zzz'), [0, 0])
  assert.deepEqual([...segment.docs.sequence], [1, 2])
  assert.deepEqual([...segment.docs.index], [0, 3])
})

test('A message of which only a part is indexed is always looked at', () => {
  const builder = new WordSegmentBuilder()
  builder.add({ sequence: 1, index: 0 }, { headers: [], body: ['begin'], cut: true })
  const segment = builder.finish()
  assert.deepEqual([...matchWords(segment, planWords('end'), ['body'])], [perhaps])
  assert.deepEqual([...matchWords(segment, planWords('begin'), ['body'])], [found])
})

test('A list of words finds parts, beginnings, ends and whole words', () => {
  const builder = new WordListBuilder()
  for (const [doc, words] of [['hello', 'help'], ['shell', 'hello'], ['yell']].entries()) for (const word of words) builder.add(word, doc)
  const list = builder.finish()
  const ask = (wanted: string, atStart: boolean, atEnd: boolean) => {
    const marks = new Uint8Array(3)
    markDocs(list, { text: wanted, atStart, atEnd }, marks)
    return marks.join('')
  }
  assert.deepEqual(wordsOf(list), ['hello', 'help', 'shell', 'yell'])
  assert.equal(ask('ell', false, false), '111')
  assert.equal(ask('hel', true, false), '110')
  assert.equal(ask('ell', false, true), '011')
  assert.equal(ask('hello', true, true), '110')
  assert.equal(ask('hell', true, true), '000')
})
