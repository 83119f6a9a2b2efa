import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { baseName, baseOf, keywordsFile, letteredKeywords, messageName } from '#lib/formats/maildir/messageName.ts'

describe('the name of a message in a Maildir', () => {
  const base = baseName({ uidValidity: 1_700_000_001, uid: 42, internalDate: 1_764_059_109_999 })

  it('says when it came and which one it is', () => assert.equal(base, '1764059109.V1700000001U42.pennypost'))

  for (const [flags, end] of [
    [[], ':2,'],
    [['\\Seen'], ':2,S'],
    [['\\Seen', '\\Answered', '\\Flagged', '\\Draft', '\\Deleted', '$Forwarded'], ':2,DFPRST'],
    [['label', '\\Seen', 'NonJunk'], ':2,Sab'],
    [['unknown', '\\Flagged'], ':2,F'],
  ] as const)
    it(`bears ${flags.join(' ') || 'no flags'} as ${end}`, () => assert.equal(messageName(base, flags, ['NonJunk', 'label']), base + end))

  it('is found again by what stands before the colon, and other files are not taken for ours', () => {
    assert.equal(baseOf(messageName(base, ['\\Seen', 'label'], ['label'])), base)
    for (const other of ['1764059109.M1P2.host:2,S', 'dovecot-keywords', `${base}.bak`, '']) assert.equal(baseOf(other), undefined, other)
  })

  it('has letters for 26 keywords, in the order in which the mailbox saw them', () => {
    const keywords = ['$Forwarded', ...Array.from({ length: 30 }, (_, n) => `k${n}`)]
    const lettered = letteredKeywords(keywords)
    assert.equal(lettered.length, 26)
    assert.equal(messageName(base, ['k0', 'k25', 'k26'], lettered), `${base}:2,az`)
    assert.equal(keywordsFile(lettered.slice(0, 2)), '0 k0\n1 k1\n')
  })

  it('of a message from before 1970 begins with 0', () => assert.match(baseName({ uidValidity: 1, uid: 1, internalDate: -1 }), /^0\./))
})
