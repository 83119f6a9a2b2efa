import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig } from '#lib/config.ts'
import { isThere, readCorpus, scoreOf } from './corpus.ts'

const { junkScore, refuseScore } = defaultConfig().inbound

test('of a sixteenth of real mail, below 1% of ham goes to Junk, none is refused, and content alone gives away a quarter of the spam', { skip: isThere ? false : 'the corpus is not beside this checkout' }, () => {
  // By content hash, so that the sample is the same everywhere and owes nothing to the points. All of it: bench/spam.ts.
  const scored = readCorpus((sha256) => sha256.startsWith('7')).map((specimen) => ({ ...specimen, ...scoreOf(specimen) }))
  const ham = scored.filter(({ spam }) => !spam)
  const spam = scored.filter((one) => one.spam)
  assert.ok(ham.length > 200 && spam.length > 200, `${ham.length} ham, ${spam.length} spam`)
  const marked = ham.filter(({ score }) => score >= junkScore)
  assert.ok(marked.length / ham.length < 0.01, `${marked.length} of ${ham.length}: ${JSON.stringify(marked.map(({ reasons }) => reasons))}`)
  assert.deepEqual(ham.filter(({ score }) => score >= refuseScore).length, 0)
  const caught = spam.filter(({ score }) => score >= junkScore)
  assert.ok(caught.length / spam.length > 0.25, `${caught.length} of ${spam.length}`)
})
