import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { folderPaths } from '#lib/formats/maildir/folderPath.ts'

const only = (name: string): string | undefined => folderPaths([name]).get(name)?.join('/')

describe('a mailbox as a folder', () => {
  for (const [name, path] of [
    ['INBOX', 'INBOX'],
    ['Archive/2026', 'Archive/2026'],
    ['Projects/Überraschung', 'Projects/Überraschung'],
    ['..', '%2E.'],
    ['a/../../etc', 'a/%2E./%2E./etc'],
    ['.hidden', '%2Ehidden'],
    ['cur', '%63ur'],
    ['Lists/New', 'Lists/%4Eew'],
    ['INBOX/dovecot-keywords', 'INBOX/%64ovecot-keywords'],
    ['old.mbox', '%6Fld.mbox'],
    ['100%', '100%25'],
    ['a:b*c', 'a%3Ab%2Ac'],
    ['bell\u0007', 'bell%07'],
    ['//', '%00/%00/%00'],
  ] as const)
    it(`${JSON.stringify(name)} is ${path}`, () => assert.equal(only(name), path))

  it('names that differ in capitals alone are apart on every disk', () => {
    const paths = [...folderPaths(['Work', 'WORK', 'work']).values()].map((path) => path.join('/'))
    assert.deepEqual(paths, ['WORK', 'Work%~2', 'work%~3'])
  })

  it('a name too long for a disk is cut between characters, and stays apart from others that begin alike', () => {
    const long = 'ü'.repeat(400)
    const paths = [...folderPaths([`${long}a`, `${long}b`]).values()].map((path) => path.join('/'))
    assert.equal(new Set(paths).size, 2)
    for (const path of paths) {
      assert.ok(Buffer.byteLength(path) <= 200, String(Buffer.byteLength(path)))
      assert.doesNotMatch(path, /\uFFFD/)
    }
  })

  it('no two names share a path, none leads elsewhere, and the same names have the same paths again', () => {
    const level = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('..', '.', 'cur', 'CUR', 'New', 'a', 'A', '%~2', 'A%~2', 'x.mbox'))
    const names = fc.uniqueArray(fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/')), { maxLength: 12 })
    fc.assert(
      fc.property(names, (some) => {
        const paths = folderPaths(some)
        const texts = [...paths.values()].map((path) => path.join('/'))
        assert.equal(new Set(texts.map((text) => text.toLowerCase())).size, some.length)
        for (const segment of [...paths.values()].flat()) assert.ok(segment !== '' && !segment.startsWith('.') && !/[/\u0000-\u001f]/.test(segment), segment)
        assert.deepEqual(folderPaths(some.toReversed()).get(some[0] ?? ''), paths.get(some[0] ?? ''))
      }),
    )
  })
})
